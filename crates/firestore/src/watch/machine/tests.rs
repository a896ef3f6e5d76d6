//! Every rule of the protocol, by message.

mod filters;
mod order;
mod resets;
mod resuming;
mod snapshots;

use firekeep_core::{DocumentChange, ErrorKind, Position};

use super::*;
use crate::proto::{DocumentDelete, DocumentRemove, ExistenceFilter, TargetChange, Value};

/// The hash of the target in these tests.
const TARGET: u64 = 42;
const NAMES: &str = "projects/p/databases/d/documents/";

/// A machine on an open stream, from the start.
fn started() -> Machine {
    opened(None)
}

/// A machine on an open stream, from this position of a caller.
fn resumed(mark: Mark) -> Machine {
    opened(Some(mark))
}

fn opened(mark: Option<Mark>) -> Machine {
    let database = Database::new("p", "d").unwrap();
    let mut machine = Machine::new(database, TARGET, mark);
    machine.open();
    machine
}

/// A machine whose reader has been told of `documents`, as of time 100 and with token `t100`.
fn settled(documents: &[(&str, i64)]) -> Machine {
    let mut machine = started();
    for (id, version) in documents {
        feed(&mut machine, set(id, *version));
    }
    let events = state(&mut machine, 100);
    assert_eq!(events.len(), 1, "{events:?}");
    machine
}

/// Feeds CURRENT and a global NO_CHANGE at `time`, and flushes.
fn state(machine: &mut Machine, time: i64) -> Vec<WatchEvent> {
    feed(machine, current(time));
    snapshot(machine, time)
}

/// Feeds a global NO_CHANGE at `time`, and flushes.
fn snapshot(machine: &mut Machine, time: i64) -> Vec<WatchEvent> {
    feed(machine, no_change(time));
    machine.flush().collect()
}

fn feed(machine: &mut Machine, response: ListenResponse) -> Step {
    machine.take(response).unwrap()
}

fn response(response: ResponseType) -> ListenResponse {
    ListenResponse { response_type: Some(response) }
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

fn add() -> ListenResponse {
    changed(target_change(TargetChangeType::Add, &[TARGET_ID]))
}

fn reset() -> ListenResponse {
    changed(target_change(TargetChangeType::Reset, &[TARGET_ID]))
}

/// CURRENT for our target, with a token and a time.
fn current(time: i64) -> ListenResponse {
    changed(TargetChange {
        resume_token: token(time),
        read_time: Some(at(time)),
        ..target_change(TargetChangeType::Current, &[TARGET_ID])
    })
}

/// A consistent snapshot of the whole stream.
fn no_change(time: i64) -> ListenResponse {
    changed(TargetChange {
        resume_token: token(time),
        read_time: Some(at(time)),
        ..target_change(TargetChangeType::NoChange, &[])
    })
}

fn token(time: i64) -> Bytes {
    format!("t{time}").into()
}

fn at(micros: i64) -> prost_types::Timestamp {
    crate::conv::timestamp_to_proto(timestamp(micros))
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

fn name(id: &str) -> String {
    format!("{NAMES}c/{id}")
}

fn message(id: &str, version: i64) -> proto::Document {
    proto::Document {
        name: name(id),
        create_time: Some(at(1)),
        update_time: Some(at(version)),
        ..Default::default()
    }
}

/// The document is in our target in this version.
fn set(id: &str, version: i64) -> ListenResponse {
    document_change(message(id, version), &[TARGET_ID], &[])
}

/// The document changed to this version and left our target.
fn left(id: &str, version: i64) -> ListenResponse {
    document_change(message(id, version), &[], &[TARGET_ID])
}

fn document_change(document: proto::Document, into: &[i32], out: &[i32]) -> ListenResponse {
    response(ResponseType::DocumentChange(proto::DocumentChange {
        document: Some(document),
        target_ids: into.to_vec(),
        removed_target_ids: out.to_vec(),
    }))
}

fn deleted(id: &str, time: i64) -> ListenResponse {
    response(ResponseType::DocumentDelete(DocumentDelete {
        document: name(id),
        removed_target_ids: vec![TARGET_ID],
        read_time: Some(at(time)),
    }))
}

fn removed(id: &str, time: i64) -> ListenResponse {
    response(ResponseType::DocumentRemove(DocumentRemove {
        document: name(id),
        removed_target_ids: vec![TARGET_ID],
        read_time: Some(at(time)),
    }))
}

fn filter(count: i32) -> ListenResponse {
    response(ResponseType::Filter(ExistenceFilter {
        target_id: TARGET_ID,
        count,
        unchanged_names: None,
    }))
}

fn mark(time: i64, count: Option<u32>) -> Mark {
    Mark { token: token(time), read_time: timestamp(time), count }
}

/// The changes of a lone batch, as `+id@version` and `-id`.
fn told(events: &[WatchEvent]) -> Vec<String> {
    match events {
        [WatchEvent::Batch(batch)] => changes(batch),
        other => panic!("not one batch: {other:?}"),
    }
}

fn changes(batch: &Batch) -> Vec<String> {
    assert!(batch.caught_up);
    let spell = |change: &DocumentChange| match change {
        DocumentChange::Set(document) => {
            format!("+{}@{}", document.id(), document.updated().as_micros())
        }
        DocumentChange::Removed(path) => format!("-{}", path.id()),
    };
    batch.changes.iter().map(spell).collect()
}

fn billed(events: &[WatchEvent]) -> u64 {
    match events {
        [WatchEvent::Batch(batch)] => batch.billed_reads,
        other => panic!("not one batch: {other:?}"),
    }
}

fn checkpoint(time: i64, count: u32) -> [WatchEvent; 1] {
    let mark = mark(time, Some(count));
    [WatchEvent::Checkpoint { position: mark.position(TARGET), read_time: mark.read_time }]
}

fn position(event: &WatchEvent) -> &Position {
    match event {
        WatchEvent::Batch(Batch { position, .. }) | WatchEvent::Checkpoint { position, .. } => {
            position
        }
        WatchEvent::Reset => panic!("a reset has no position"),
    }
}
