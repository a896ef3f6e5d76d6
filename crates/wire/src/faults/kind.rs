//! What can go wrong.

use std::fmt;
use std::str::FromStr;

use firekeep_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tonic::Code;

use super::method::Method;

/// One kind of thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultKind {
    /// A call fails with this code, not carried out. So do the following.
    Cancelled,
    /// See [`Cancelled`](Self::Cancelled).
    Unknown,
    /// See [`Cancelled`](Self::Cancelled).
    InvalidArgument,
    /// See [`Cancelled`](Self::Cancelled).
    DeadlineExceeded,
    /// See [`Cancelled`](Self::Cancelled).
    NotFound,
    /// See [`Cancelled`](Self::Cancelled).
    AlreadyExists,
    /// See [`Cancelled`](Self::Cancelled).
    PermissionDenied,
    /// See [`Cancelled`](Self::Cancelled).
    ResourceExhausted,
    /// See [`Cancelled`](Self::Cancelled).
    FailedPrecondition,
    /// See [`Cancelled`](Self::Cancelled). The call's transaction is over, as it is in production.
    Aborted,
    /// See [`Cancelled`](Self::Cancelled).
    OutOfRange,
    /// See [`Cancelled`](Self::Cancelled).
    Unimplemented,
    /// See [`Cancelled`](Self::Cancelled).
    Internal,
    /// See [`Cancelled`](Self::Cancelled).
    Unavailable,
    /// See [`Cancelled`](Self::Cancelled).
    DataLoss,
    /// See [`Cancelled`](Self::Cancelled).
    Unauthenticated,
    /// The request is lost: UNAVAILABLE, and not carried out.
    LoseRequest,
    /// The answer is lost: UNAVAILABLE, and carried out. A `Listen` is answered before it does
    /// anything, and is as with [`LoseRequest`](Self::LoseRequest).
    LoseReply,
    /// A write is answered as lost, and carried out later: after further calls of the project,
    /// whatever they are, or after some time. 1 to 16 calls by default.
    Late,
    /// A write arrives twice, one copy right after the other. The first one's answer counts; if that
    /// was an error, there is no second.
    Duplicate,
    /// A call takes this long to arrive; 1 ms to 2 s by default.
    Delay,
    /// A call is carried out, and its answer takes this long; 1 ms to 2 s by default.
    DelayReply,
    /// The call's HTTP/2 stream is reset in place of an answer or a message. What was sent right
    /// before may be lost with it. The call is carried out as far as it was answered, and a unary
    /// one wholly.
    Cut,
    /// As [`Cut`](Self::Cut), but the whole connection is closed, with all calls on it.
    Disconnect,
    /// A stream ends with UNAVAILABLE in place of a message; all messages before that arrive.
    Break,
    /// A stream sends no message any more, from this one on, and is not closed.
    Silence,
    /// A target of a `Listen` is void, and told anew from its whole present state.
    Reset,
    /// A `Listen` hands out the resume token before the one that is due: valid, but changes repeat
    /// for whoever resumes from it.
    StaleToken,
    /// A `Listen` claims that a target has a number of documents that no target has.
    WrongFilter,
    /// A resume token is refused: the target is removed with INVALID_ARGUMENT.
    ExpireToken,
    /// A resume token is too old to be of use: the target is void, and told anew.
    ForgetToken,
    /// By the plan's `contention`: a transaction fails that shares a document with another one.
    Contention,
    /// By the plan's `document-rate`: a document is written too often.
    DocumentRate,
    /// By the plan's `ramp`: the traffic of a collection grows too fast.
    Ramp,
}

/// When faults of a kind are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Once per call.
    Call,
    /// Once per message of an answer.
    Message,
    /// Once per event of a target of a `Listen`.
    Event,
    /// Once per target that resumes.
    Resume,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 34] = {
        let mut all = [Self::Cancelled; 34];
        let mut at = 0;
        while at < all.len() {
            all[at] = NAMES[at].0;
            at += 1;
        }
        all
    };

    /// The name in plans: `lose-reply`.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// The code of a kind that is an answer with a code.
    pub(super) fn code(self) -> Option<Code> {
        let at = self as i32;
        (at < 16).then(|| Code::from_i32(at + 1))
    }

    /// When this is drawn for `method`; `None` if it can't strike there.
    pub(super) fn moment(self, method: Method) -> Option<Moment> {
        let if_so = |fits: bool, moment| fits.then_some(moment);
        let is_listen = method == Method::Listen;
        match self {
            Self::Contention | Self::DocumentRate | Self::Ramp => None,
            Self::Late | Self::Duplicate => if_so(method.writes(), Moment::Call),
            Self::Cut | Self::Disconnect if method.is_streamed() => Some(Moment::Message),
            Self::Break | Self::Silence => if_so(method.is_streamed(), Moment::Message),
            Self::StaleToken | Self::WrongFilter => if_so(is_listen, Moment::Message),
            Self::Reset => if_so(is_listen, Moment::Event),
            Self::ExpireToken | Self::ForgetToken => if_so(is_listen, Moment::Resume),
            _ => Some(Moment::Call),
        }
    }
}

const NAMES: [(FaultKind, &str); 34] = [
    (FaultKind::Cancelled, "cancelled"),
    (FaultKind::Unknown, "unknown"),
    (FaultKind::InvalidArgument, "invalid-argument"),
    (FaultKind::DeadlineExceeded, "deadline-exceeded"),
    (FaultKind::NotFound, "not-found"),
    (FaultKind::AlreadyExists, "already-exists"),
    (FaultKind::PermissionDenied, "permission-denied"),
    (FaultKind::ResourceExhausted, "resource-exhausted"),
    (FaultKind::FailedPrecondition, "failed-precondition"),
    (FaultKind::Aborted, "aborted"),
    (FaultKind::OutOfRange, "out-of-range"),
    (FaultKind::Unimplemented, "unimplemented"),
    (FaultKind::Internal, "internal"),
    (FaultKind::Unavailable, "unavailable"),
    (FaultKind::DataLoss, "data-loss"),
    (FaultKind::Unauthenticated, "unauthenticated"),
    (FaultKind::LoseRequest, "lose-request"),
    (FaultKind::LoseReply, "lose-reply"),
    (FaultKind::Late, "late"),
    (FaultKind::Duplicate, "duplicate"),
    (FaultKind::Delay, "delay"),
    (FaultKind::DelayReply, "delay-reply"),
    (FaultKind::Cut, "cut"),
    (FaultKind::Disconnect, "disconnect"),
    (FaultKind::Break, "break"),
    (FaultKind::Silence, "silence"),
    (FaultKind::Reset, "reset"),
    (FaultKind::StaleToken, "stale-token"),
    (FaultKind::WrongFilter, "wrong-filter"),
    (FaultKind::ExpireToken, "expire-token"),
    (FaultKind::ForgetToken, "forget-token"),
    (FaultKind::Contention, "contention"),
    (FaultKind::DocumentRate, "document-rate"),
    (FaultKind::Ramp, "ramp"),
];

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(_, known)| *known == name.trim());
        let unknown = || Error::invalid("no kind of fault has this name").at_path(name);
        found.map(|(kind, _)| *kind).ok_or_else(unknown)
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for FaultKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_names_stands_in_the_order_of_the_kinds() {
        for (at, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
            assert_eq!(kind.name().parse::<FaultKind>().unwrap(), kind);
        }
        assert_eq!(FaultKind::Cancelled.code(), Some(Code::Cancelled));
        assert_eq!(FaultKind::Unauthenticated.code(), Some(Code::Unauthenticated));
        assert_eq!(FaultKind::LoseRequest.code(), None);
    }
}
