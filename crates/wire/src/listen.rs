//! `Listen`: several targets on one stream, told so that their states always agree.
//!
//! Each target is a watch of the store. What the watches yield gathers per target, a change per
//! document at most, until a whole pass over all of them yields nothing more; then everything that
//! gathered is told and closed by a time for the whole stream. A commit that touches two targets is
//! therefore in both or in neither whenever the client is told that its state is consistent,
//! provided that the store wakes nobody before a commit can be seen by all, as one process's store
//! does. While a client takes no messages, no watch is asked for more.

mod bloom;
mod gathered;
mod gone;
mod message;
mod rows;
mod session;
mod target;
mod targets;
mod telling;
mod token;

use futures::{StreamExt, stream};

use crate::grpc::{Answers, Requests};
use crate::proto::{ListenRequest, ListenResponse};
use crate::service::Call;
use session::Session;

/// `Listen`: ends when the client ends its side, with an error when the server stops or a watch
/// breaks in a way that a new stream may mend. What is wrong with one target removes that target.
pub(crate) fn listen(call: &Call, requests: Requests<ListenRequest>) -> Answers<ListenResponse> {
    let session = Session::new(call.clone(), requests.boxed());
    stream::unfold(session, |mut session| async move {
        session.next().await.map(|answer| (answer, session))
    })
    .boxed()
}
