//! Targets of a stream of changes that are void, or can't be resumed.

use std::sync::Arc;

use firekeep_core::{Error, Result, Store, WatchEvent, WatchFrom, WatchRequest};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::dice;
use super::kind::{FaultKind, Moment};
use super::method::Method;
use super::state::Strike;
use super::unary::note;
use crate::service::Call;

type Events = BoxStream<'static, Result<WatchEvent>>;

/// The watch of a target of `call`'s stream, which something may strike.
pub(crate) fn watch(
    call: &Call,
    project: &str,
    store: &Arc<dyn Store>,
    request: WatchRequest,
) -> Events {
    let from_start = WatchRequest { target: request.target.clone(), from: WatchFrom::Start };
    let target = Target {
        call: call.clone(),
        project: project.to_owned(),
        store: Arc::clone(store),
        from_start,
        target: call.wreck().next_part(),
        count: 0,
    };
    let resumed = request.from != WatchFrom::Start;
    let strike = resumed.then(|| target.decide(Moment::Resume)).flatten();
    let events = match strike {
        Some(strike) if strike.kind == FaultKind::ExpireToken => {
            return stream::iter([Err(Error::invalid(strike.message))]).boxed();
        }
        Some(_) => target.anew(),
        None => store.watch(&call.cx, request),
    };
    let state = (target, events);
    stream::unfold(state, |(mut target, mut events): (Target, Events)| async move {
        let mut event = events.next().await?;
        // A void state may be void once more, but a stream that is made of nothing else never ends.
        if !matches!(event, Ok(WatchEvent::Reset) | Err(_)) {
            target.count += 1;
            if target.decide(Moment::Event).is_some() {
                events = target.anew();
                event = events.next().await?;
            }
        }
        Some((event, (target, events)))
    })
    .boxed()
}

struct Target {
    call: Call,
    project: String,
    store: Arc<dyn Store>,
    from_start: WatchRequest,
    /// Which of the call's targets it is.
    target: u64,
    count: u64,
}

impl Target {
    /// A reset, and then the whole present state.
    fn anew(&self) -> Events {
        let events = self.store.watch(&self.call.cx, self.from_start.clone());
        stream::iter([Ok(WatchEvent::Reset)]).chain(events).boxed()
    }

    fn decide(&self, moment: Moment) -> Option<Strike> {
        let faults = self.call.faults();
        if !faults.is_active() {
            return None;
        }
        let mut state = faults.0.state.lock();
        let method = Method::Listen;
        let call = self.call.wreck().number(|| state.number(&self.project, method));
        // Each event has dice of its own: targets of one stream interleave as they like.
        let nth = call << 32 | self.target << 24 | self.count;
        let seed = state.drawn_from() ^ moment as u64;
        let mut rng = dice::of_call(seed, &self.project, method, nth);
        let strike = state.part(&self.project, method, call, self.count, moment, &mut rng);
        drop(state);
        note(&self.call, strike.as_ref());
        strike
    }
}
