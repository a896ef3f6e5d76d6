use std::time::Duration;

use firekeep_core::{
    Batch, Db, DocPath, Document, DocumentChange, Effect, Error, ErrorKind, ManualClock, Position,
    Query, Timestamp, WatchFrom, fields,
};
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use parking_lot::Mutex;

use super::*;
use crate::scripted::Scripted;

/// An operation, its label, and the outcome once there is one.
type Note = (Operation, Option<String>, Option<Outcome>);

#[derive(Clone, Debug, Default)]
struct Notebook(Arc<Mutex<Vec<Note>>>);

impl Observer for Notebook {
    fn start(&self, call: &Call<'_>) {
        self.0.lock().push((call.operation, call.label.map(Into::into), None));
    }

    fn finish(&self, call: &Call<'_>, outcome: &Outcome) {
        self.0.lock().push((call.operation, call.label.map(Into::into), Some(*outcome)));
    }
}

impl Notebook {
    /// What was told about calls that ended since last asked.
    fn endings(&self) -> Vec<(Operation, Ending, u64)> {
        let notes = std::mem::take(&mut *self.0.lock());
        let ended = notes.into_iter().filter_map(|(of, _, outcome)| Some((of, outcome?)));
        ended.map(|(of, outcome)| (of, outcome.ending, outcome.rows)).collect()
    }
}

fn observed(store: &Scripted, clock: &ManualClock) -> (Db, Notebook) {
    let notebook = Notebook::default();
    let layer = ObserveLayer::new(Arc::new(clock.clone()))
        .observer(TracingObserver)
        .observer(notebook.clone());
    (Db::from_arc(Box::new(layer).wrap(store.arc())), notebook)
}

fn row() -> QueryEvent {
    let time = Timestamp::UNIX_EPOCH;
    QueryEvent::Row(Document::new(DocPath::new("c/d").unwrap(), fields! {}, time, time))
}

fn done() -> QueryEvent {
    QueryEvent::Done { read_time: Timestamp::UNIX_EPOCH, billed_reads: 2 }
}

#[test]
fn a_call_is_told_at_its_start_and_at_its_end() {
    let (db, notebook) = observed(&Scripted::default(), &ManualClock::new());
    block_on(db.labelled("page").get("c/d")).unwrap();
    let notes = notebook.0.lock().clone();
    let label = Some("page".to_owned());
    let outcome = Outcome { duration: Duration::ZERO, ending: Ending::Answered, rows: 1 };
    let of = Operation::BatchGet;
    assert_eq!(notes, [(of, label.clone(), None), (of, label, Some(outcome))]);
}

#[test]
fn a_failure_is_told_with_its_kind_and_effect() {
    let lost = Error::new(ErrorKind::Unavailable, "down").with_effect(Effect::Unknown);
    let store = Scripted::default().fail(Operation::Commit, vec![lost]);
    let (db, notebook) = observed(&store, &ManualClock::new());
    block_on(db.delete("c/d")).unwrap_err();
    let ending = Ending::Failed(ErrorKind::Unavailable, Effect::Unknown);
    assert_eq!(notebook.endings(), [(Operation::Commit, ending, 0)]);
}

#[test]
fn a_dropped_call_is_told_once_with_the_time_it_took() {
    let clock = ManualClock::new();
    let (db, notebook) = observed(&Scripted::default().hang(), &clock);
    let mut call = Box::pin(db.get("c/d"));
    assert!((&mut call).now_or_never().is_none());
    clock.advance(Duration::from_secs(3));
    drop(call);
    let notes = notebook.0.lock().clone();
    let (_, _, outcome) = notes.last().unwrap();
    let outcome = outcome.unwrap();
    assert_eq!((outcome.ending, outcome.duration), (Ending::Dropped, Duration::from_secs(3)));
    assert_eq!(notes.len(), 2);
}

#[test]
fn a_query_ends_with_its_last_event_its_error_or_its_drop_and_only_once() {
    let store = Scripted::default().rows(vec![row(), row(), done()]);
    let (db, notebook) = observed(&store, &ManualClock::new());
    let query = || db.stream(Query::collection("c").build().unwrap()).unwrap();

    let mut rows = query();
    while block_on(rows.next()).is_some() {}
    assert!(block_on(rows.next()).is_none());
    drop(rows);
    assert_eq!(notebook.endings(), [(Operation::Query, Ending::Answered, 2)]);

    let mut rows = query();
    block_on(rows.next()).unwrap().unwrap();
    assert_eq!(notebook.endings(), []);
    drop(rows);
    assert_eq!(notebook.endings(), [(Operation::Query, Ending::Dropped, 1)]);

    let store = store.cut_queries(Error::new(ErrorKind::Internal, "broken")).rows(vec![row()]);
    let mut rows = query();
    while block_on(rows.next()).is_some() {}
    let ending = Ending::Failed(ErrorKind::Internal, Effect::None);
    assert_eq!(notebook.endings(), [(Operation::Query, ending, 1)]);
    drop(store);
}

#[test]
fn a_query_whose_reader_stops_at_the_last_event_was_answered() {
    let (db, notebook) = observed(&Scripted::default().rows(vec![done()]), &ManualClock::new());
    let request = QueryRequest::new(Query::collection("c").build().unwrap());
    let mut events = db.store().query(db.cx(), request);
    block_on(events.next()).unwrap().unwrap();
    drop(events);
    assert_eq!(notebook.endings(), [(Operation::Query, Ending::Answered, 0)]);
}

#[test]
fn a_watch_counts_its_changes_until_it_is_dropped() {
    let path = DocPath::new("c/d").unwrap();
    let batch = Batch {
        changes: vec![DocumentChange::Removed(path.clone())],
        read_time: Timestamp::UNIX_EPOCH,
        position: Position::new("p"),
        caught_up: true,
        billed_reads: 1,
    };
    let store = Scripted::default().watch_yields(vec![Ok(WatchEvent::Batch(batch))]);
    let (db, notebook) = observed(&store, &ManualClock::new());
    let mut events = db.watch_documents(vec![path], WatchFrom::Start);
    block_on(events.next()).unwrap().unwrap();
    drop(events);
    assert_eq!(notebook.endings(), [(Operation::Watch, Ending::Dropped, 1)]);
}
