use firekeep_core::{Batch, Document, DocumentChange, Position, Timestamp};

use super::*;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

fn set(id: &str, time: i64) -> DocumentChange {
    let path = path(&format!("c/{id}"));
    DocumentChange::Set(Document::new(path, fields! {}, at(time), at(time)))
}

fn removed(id: &str) -> DocumentChange {
    DocumentChange::Removed(path(&format!("c/{id}")))
}

fn batch(time: i64, changes: Vec<DocumentChange>) -> Result<WatchEvent> {
    let position = Position::new(time.to_be_bytes().to_vec());
    let (read_time, billed_reads) = (at(time), changes.len() as u64);
    Ok(WatchEvent::Batch(Batch { changes, read_time, position, caught_up: true, billed_reads }))
}

#[test]
fn a_query_is_cut_between_its_events() {
    let row = |id| {
        let DocumentChange::Set(document) = set(id, 1) else { panic!("not a document") };
        QueryEvent::Row(document)
    };
    let broken = scripted(&Scripted::default().rows(vec![row("a"), row("b"), row("c")]));
    broken.faults.nth(Operation::Query, 2, Fault::Cut);
    let events = broken.query();
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(broken.query().len(), 3);
    broken.faults.next(Operation::Query, Fault::LoseReply);
    assert!(matches!(&broken.query()[..], [Err(_)]));
}

#[test]
fn a_stream_fails_is_lost_or_is_delayed_when_it_is_opened() {
    let backend = Scripted::default();
    let broken = scripted(&backend);
    for fault in [Fault::Fail(ErrorKind::Unavailable), Fault::LoseRequest, Fault::LoseReply] {
        broken.faults.next(Operation::Watch, fault);
        let mut events = broken.watch();
        assert!(block_on(events.next()).unwrap().is_err());
        assert!(block_on(events.next()).is_none());
    }
    assert!(backend.watched().is_empty());
    let (delay, backend) = (Duration::from_secs(5), backend.watch_yields(vec![batch(1, vec![])]));
    broken.faults.next(Operation::Watch, Fault::Delay(delay));
    let mut events = broken.watch();
    assert!(events.next().now_or_never().is_none());
    assert!(backend.watched().is_empty());
    broken.clock.advance(delay);
    assert!(events.next().now_or_never().expect("the time has come").unwrap().is_ok());
}

#[test]
fn drawn_event_faults_strike_streams_only_where_they_apply() {
    let done = QueryEvent::Done { read_time: at(1), billed_reads: 1 };
    let rates = Rates { reset: 1.0, coalesce: 1.0, late: 1.0, ..Rates::default() };
    let reset = broken(&Scripted::default().rows(vec![done.clone()]), |l| l.everywhere(rates));
    assert_eq!(reset.query().remove(0).unwrap(), done);
    assert_eq!(reset.faults.injected(), 0);
    let rates = Rates { cut: 1.0, ..Rates::default() };
    let cut = broken(&Scripted::default().rows(vec![done]), |layer| layer.everywhere(rates));
    assert!(cut.query().remove(0).is_err());
}

#[test]
fn a_reset_voids_the_watch_and_tells_the_whole_state() {
    let backend = Scripted::default()
        .watch_yields(vec![batch(1, vec![set("a", 1)]), batch(2, vec![set("b", 2)])])
        .watch_yields(vec![batch(3, vec![set("a", 1), set("b", 2)])]);
    let broken = scripted(&backend);
    broken.faults.nth(Operation::Watch, 2, Fault::Reset);
    let mut events = broken.watch();
    let mut next = || block_on(events.next()).unwrap().unwrap();
    assert_eq!(next(), batch(1, vec![set("a", 1)]).unwrap());
    assert_eq!(next(), WatchEvent::Reset);
    assert_eq!(next(), batch(3, vec![set("a", 1), set("b", 2)]).unwrap());
    assert!(backend.watched().iter().all(|request| request.from == WatchFrom::Start));
    assert_eq!(backend.watched().len(), 2);
}

#[test]
fn a_cut_ends_the_watch_with_an_error_that_may_be_retried() {
    let broken = scripted(&Scripted::default().watch_yields(vec![batch(1, vec![])]));
    broken.faults.next(Operation::Watch, Fault::Cut);
    let mut events = broken.watch();
    let error = block_on(events.next()).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(block_on(events.next()).is_none());
}

#[test]
fn batches_held_back_are_told_as_one_once_the_time_has_come() {
    let backend = Scripted::default().watch_yields(vec![
        batch(1, vec![set("a", 1), set("b", 1)]),
        batch(2, vec![set("b", 2), set("x", 2)]),
        Ok(WatchEvent::Checkpoint { position: Position::new("checkpoint"), read_time: at(3) }),
        batch(4, vec![set("c", 4), removed("x")]),
    ]);
    let broken = scripted(&backend);
    broken.faults.next(Operation::Watch, Fault::Coalesce(Duration::from_secs(1)));
    let mut events = broken.watch();
    assert!(events.next().now_or_never().is_none());
    broken.clock.advance(Duration::from_secs(1));
    let told = events.next().now_or_never().expect("the time has come").unwrap().unwrap();
    let WatchEvent::Batch(told) = told else { panic!("not a batch: {told:?}") };
    // The receiver never knew of `x`.
    assert_eq!(told.changes, [set("a", 1), set("b", 2), set("c", 4)]);
    assert_eq!((told.read_time, told.billed_reads, told.caught_up), (at(4), 6, true));
    assert_eq!(told.position, Position::new(4_i64.to_be_bytes().to_vec()));
}

#[test]
fn removals_of_known_documents_are_held_back_and_told() {
    let backend = Scripted::default().watch_yields(vec![
        batch(1, vec![set("a", 1)]),
        batch(2, vec![set("b", 2)]),
        batch(3, vec![removed("a")]),
    ]);
    let broken = scripted(&backend);
    broken.faults.nth(Operation::Watch, 2, Fault::Coalesce(Duration::from_secs(1)));
    let mut events = broken.watch();
    block_on(events.next()).unwrap().unwrap();
    assert!(events.next().now_or_never().is_none());
    broken.clock.advance(Duration::from_secs(1));
    let told = events.next().now_or_never().expect("the time has come").unwrap().unwrap();
    let WatchEvent::Batch(told) = told else { panic!("not a batch: {told:?}") };
    assert_eq!(told.changes, [set("b", 2), removed("a")]);
}

#[test]
fn a_watch_that_fails_tells_what_was_held_back_first() {
    let expired = Err(Error::new(ErrorKind::PositionExpired, "too old"));
    let backend = Scripted::default().watch_yields(vec![batch(1, vec![set("a", 1)]), expired]);
    let broken = scripted(&backend);
    broken.faults.next(Operation::Watch, Fault::Coalesce(Duration::from_secs(1)));
    let mut events = broken.watch();
    assert_eq!(block_on(events.next()).unwrap().unwrap(), batch(1, vec![set("a", 1)]).unwrap());
    let error = block_on(events.next()).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PositionExpired);
    assert!(block_on(events.next()).is_none());
}
