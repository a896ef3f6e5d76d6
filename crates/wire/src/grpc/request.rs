//! Reading the one message of a call.

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use prost::Message;
use tonic::{Code, Status};

use super::room::{Room, Taken};
use super::{Http, MAX_REQUEST};
use crate::status::TOO_LONG;

/// The message of a call.
pub(super) struct Read<T> {
    pub(super) message: T,
    /// What it takes up, if it is long.
    pub(super) taken: Option<Taken>,
}

/// Reads the message of a call that has one.
///
/// # Errors
/// The status to answer a call with that is not framed as gRPC has it, or too long, by itself or
/// beside the others.
pub(super) async fn message<T>(request: Http, room: &Room) -> Result<Read<T>, Status>
where
    T: Message + Default,
{
    let is_encoded =
        request.headers().get("grpc-encoding").is_some_and(|encoding| encoding != "identity");
    let (mut frame, taken) = framed(request.into_body(), room).await?;
    match frame.get_u8() {
        0 => {}
        1 if is_encoded => return Err(not_served()),
        _ => return Err(broken("the flag of the message says that it is compressed")),
    }
    if frame.get_u32() as usize != frame.len() {
        return Err(broken("the call has not one message of the length that it says"));
    }
    let message = T::decode(frame);
    let message =
        message.map_err(|error| Status::internal(format!("the message is malformed: {error}")))?;
    Ok(Read { message, taken })
}

/// The bytes of a call, at least a message's head.
async fn framed(mut body: Incoming, room: &Room) -> Result<(Bytes, Option<Taken>), Status> {
    let first = part(&mut body).await?.unwrap_or_default();
    let (bytes, taken) = match body.is_end_stream() {
        true => (first, None),
        false => Box::pin(joined(first, body, room)).await?,
    };
    if bytes.len() > HEAD + MAX_REQUEST {
        return Err(Status::invalid_argument(TOO_LONG));
    }
    if bytes.len() < HEAD {
        return Err(broken("the call has no message"));
    }
    Ok((bytes, taken))
}

/// The next bytes of a body; `None` at its end.
async fn part(body: &mut Incoming) -> Result<Option<Bytes>, Status> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::from_error(error.into()))?;
        // Trailers of a request say nothing.
        if let Ok(bytes) = frame.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

async fn joined(
    first: Bytes,
    mut body: Incoming,
    room: &Room,
) -> Result<(Bytes, Option<Taken>), Status> {
    let mut bytes = BytesMut::from(first);
    let mut taken = None;
    loop {
        // What is too long, or not the message that it says, is not waited for.
        if bytes.len() >= HEAD {
            let says = (&bytes[1..HEAD]).get_u32() as usize;
            if says > MAX_REQUEST {
                return Err(Status::invalid_argument(TOO_LONG));
            }
            if bytes.len() > HEAD + says {
                return Err(broken("the call has more than one message"));
            }
            if taken.is_none() {
                taken = Some(room.take(HEAD + says)?);
            }
        }
        match part(&mut body).await? {
            Some(more) => bytes.extend_from_slice(&more),
            None => return Ok((bytes.freeze(), taken)),
        }
    }
}

fn broken(what: &str) -> Status {
    Status::internal(what)
}

/// What a peer understands that compresses what it sends.
fn not_served() -> Status {
    let mut status = Status::new(Code::Unimplemented, "messages may not be compressed");
    let identity = tonic::metadata::MetadataValue::from_static("identity");
    status.metadata_mut().insert("grpc-accept-encoding", identity);
    status
}

/// The flag and the length that are before a message.
pub(super) const HEAD: usize = 5;
