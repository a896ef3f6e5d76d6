//! The messages of a stream of changes.

use firekeep_core::{DocPath, Document, Error, Timestamp};

use super::bloom;
use crate::encode;
use crate::name::DatabaseName;
use crate::proto::listen_response::ResponseType;
use crate::proto::target_change::TargetChangeType;
use crate::proto::{self, DocumentChange, DocumentDelete, DocumentRemove, TargetChange, rpc};
use crate::status::status;

/// A message to send. Documents become messages only when it is their turn, so that a large state
/// is not in memory twice.
#[derive(Debug)]
pub(super) enum Message {
    /// As it is.
    Ready(ResponseType),
    /// A document that is in a target.
    Set(i32, Document),
}

impl Message {
    /// The message as it is sent.
    pub(super) fn into_proto(self, database: &DatabaseName) -> ResponseType {
        match self {
            Self::Ready(response) => response,
            Self::Set(target, document) => ResponseType::DocumentChange(DocumentChange {
                document: Some(encode::document(database, &document)),
                target_ids: vec![target],
                removed_target_ids: Vec::new(),
            }),
        }
    }
}

/// The target is followed from now on.
pub(super) fn add(target: i32) -> Message {
    change(TargetChangeType::Add, TargetChange { target_ids: vec![target], ..Default::default() })
}

/// The target is followed no more; with `cause`, because of that.
pub(super) fn remove(target: i32, cause: Option<&Error>) -> Message {
    let cause = cause.map(|error| {
        let status = status(error);
        let code = status.code() as i32;
        rpc::Status { code, message: status.message().to_owned(), details: Vec::new() }
    });
    let target_ids = vec![target];
    change(TargetChangeType::Remove, TargetChange { target_ids, cause, ..Default::default() })
}

/// Everything told of the target is void.
pub(super) fn reset(target: i32) -> Message {
    change(TargetChangeType::Reset, TargetChange { target_ids: vec![target], ..Default::default() })
}

/// Everything from before the target was added has been told.
pub(super) fn current(target: i32, token: bytes::Bytes, at: Timestamp) -> Message {
    change(TargetChangeType::Current, of(vec![target], token, at))
}

/// Where the target can be resumed.
pub(super) fn resumable(target: i32, token: bytes::Bytes, at: Timestamp) -> Message {
    change(TargetChangeType::NoChange, of(vec![target], token, at))
}

/// The state of all targets is true as of `at`. The token is the only target's; empty if there are
/// several.
pub(super) fn consistent(token: bytes::Bytes, at: Timestamp) -> Message {
    change(TargetChangeType::NoChange, of(Vec::new(), token, at))
}

/// The document does not exist.
pub(super) fn deleted(
    database: &DatabaseName,
    target: i32,
    path: &DocPath,
    at: Timestamp,
) -> Message {
    Message::Ready(ResponseType::DocumentDelete(DocumentDelete {
        document: database.document(path),
        removed_target_ids: vec![target],
        read_time: Some(encode::timestamp(at)),
    }))
}

/// The document left the target.
pub(super) fn left(database: &DatabaseName, target: i32, path: &DocPath, at: Timestamp) -> Message {
    Message::Ready(ResponseType::DocumentRemove(DocumentRemove {
        document: database.document(path),
        removed_target_ids: vec![target],
        read_time: Some(encode::timestamp(at)),
    }))
}

/// Which documents the target has: how many, and what tells their names from most others.
pub(super) fn filter(database: &DatabaseName, target: i32, rows: &[DocPath]) -> Message {
    let names: Vec<_> = rows.iter().map(|path| database.document(path)).collect();
    Message::Ready(ResponseType::Filter(proto::ExistenceFilter {
        target_id: target,
        count: i32::try_from(rows.len()).unwrap_or(i32::MAX),
        unchanged_names: Some(bloom::filter(&names)),
    }))
}

fn of(target_ids: Vec<i32>, resume_token: bytes::Bytes, at: Timestamp) -> TargetChange {
    let read_time = Some(encode::timestamp(at));
    TargetChange { target_ids, resume_token, read_time, ..Default::default() }
}

fn change(kind: TargetChangeType, change: TargetChange) -> Message {
    let change = TargetChange { target_change_type: kind as i32, ..change };
    Message::Ready(ResponseType::TargetChange(change))
}
