//! What the server sends, made short.

use googleapis_tonic_google_firestore_v1::google::firestore::v1::listen_response::ResponseType;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::target_change::TargetChangeType;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::{
    Document, DocumentChange, DocumentDelete, DocumentRemove, ExistenceFilter, ListenResponse,
    TargetChange,
};
use googleapis_tonic_google_firestore_v1::google::rpc;

/// The id that the client gives its target.
pub(crate) const TARGET: i32 = 1;

/// A consistent snapshot of the whole stream, with the token `t{time}`.
pub(crate) fn snapshot(time: i64) -> ListenResponse {
    changed(TargetChange {
        resume_token: token(time).into(),
        read_time: Some(at(time)),
        ..target_change(TargetChangeType::NoChange, &[])
    })
}

/// Such a snapshot without a token.
pub(crate) fn tokenless_snapshot(time: i64) -> ListenResponse {
    let read_time = Some(at(time));
    changed(TargetChange { read_time, ..target_change(TargetChangeType::NoChange, &[]) })
}

/// CURRENT with a token.
pub(crate) fn current(time: i64) -> ListenResponse {
    changed(TargetChange {
        resume_token: token(time).into(),
        read_time: Some(at(time)),
        ..target_change(TargetChangeType::Current, &[TARGET])
    })
}

/// CURRENT without a token.
pub(crate) fn tokenless_current() -> ListenResponse {
    changed(target_change(TargetChangeType::Current, &[TARGET]))
}

pub(crate) fn reset() -> ListenResponse {
    changed(target_change(TargetChangeType::Reset, &[TARGET]))
}

/// The server removes the target.
pub(crate) fn remove_target(cause: Option<(tonic::Code, &str)>) -> ListenResponse {
    let cause = cause.map(|(code, message)| rpc::Status {
        code: code as i32,
        message: message.into(),
        details: vec![],
    });
    changed(TargetChange { cause, ..target_change(TargetChangeType::Remove, &[TARGET]) })
}

pub(crate) fn filter(count: i32) -> ListenResponse {
    response(ResponseType::Filter(ExistenceFilter {
        target_id: TARGET,
        count,
        unchanged_names: None,
    }))
}

/// The document `c/{id}` in this version.
pub(crate) fn set(id: &str, version: i64) -> ListenResponse {
    change(document(id, version))
}

pub(crate) fn change(document: Document) -> ListenResponse {
    response(ResponseType::DocumentChange(DocumentChange {
        document: Some(document),
        target_ids: vec![TARGET],
        removed_target_ids: vec![],
    }))
}

pub(crate) fn document(id: &str, version: i64) -> Document {
    Document {
        name: name(id),
        create_time: Some(at(1)),
        update_time: Some(at(version)),
        ..Default::default()
    }
}

pub(crate) fn deleted(id: &str, time: i64) -> ListenResponse {
    response(ResponseType::DocumentDelete(DocumentDelete {
        document: name(id),
        removed_target_ids: vec![TARGET],
        read_time: Some(at(time)),
    }))
}

pub(crate) fn removed(id: &str, time: i64) -> ListenResponse {
    response(ResponseType::DocumentRemove(DocumentRemove {
        document: name(id),
        removed_target_ids: vec![TARGET],
        read_time: Some(at(time)),
    }))
}

pub(crate) fn token(time: i64) -> String {
    format!("t{time}")
}

pub(crate) fn at(micros: i64) -> prost_types::Timestamp {
    let nanos = micros.rem_euclid(1_000_000) as i32 * 1_000;
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

fn name(id: &str) -> String {
    format!("projects/p/databases/(default)/documents/c/{id}")
}

fn target_change(kind: TargetChangeType, targets: &[i32]) -> TargetChange {
    TargetChange {
        target_change_type: kind.into(),
        target_ids: targets.to_vec(),
        ..Default::default()
    }
}

fn changed(change: TargetChange) -> ListenResponse {
    response(ResponseType::TargetChange(change))
}

fn response(response: ResponseType) -> ListenResponse {
    ListenResponse { response_type: Some(response) }
}
