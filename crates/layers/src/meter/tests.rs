use firekeep_core::{
    Aggregation, Batch, Db, Document, ErrorKind, Position, Query, Require, Timestamp, TransformOp,
    WatchFrom, Write, fields,
};
use futures::StreamExt;
use futures::executor::block_on;

use super::*;
use crate::scripted::Scripted;

fn metered(store: &Scripted) -> (Db, MeterHandle) {
    let layer = MeterLayer::new();
    let handle = layer.handle();
    (Db::from_arc(Box::new(layer).wrap(store.arc())), handle)
}

fn path(path: &str) -> firekeep_core::DocPath {
    firekeep_core::DocPath::new(path).unwrap()
}

fn row() -> QueryEvent {
    let time = Timestamp::UNIX_EPOCH;
    QueryEvent::Row(Document::new(path("c/d"), fields! {}, time, time))
}

fn done(billed_reads: u64) -> QueryEvent {
    QueryEvent::Done { read_time: Timestamp::UNIX_EPOCH, billed_reads }
}

#[test]
fn a_lookup_is_billed_per_distinct_path() {
    let (db, meter) = metered(&Scripted::default());
    block_on(db.lookup(["c/a", "c/b", "c/a"].map(path))).unwrap();
    assert_eq!(meter.snapshot(), Bill { rpcs: 1, reads: 2, ..Bill::ZERO });
    let before = meter.snapshot();
    block_on(db.lookup((0..40).map(|n| path(&format!("c/{}", n % 20))))).unwrap();
    assert_eq!(meter.since(before), Bill { rpcs: 1, reads: 20, ..Bill::ZERO });
}

#[test]
fn a_commit_is_billed_by_its_writes_once_it_succeeded() {
    let unavailable = Error::new(ErrorKind::Unavailable, "down");
    let store = Scripted::default().fail(Operation::Commit, vec![unavailable]);
    let (db, meter) = metered(&store);
    let writes = || {
        let bump = Write::transform(path("c/1")).with("n", TransformOp::CommitTime).unwrap();
        let verify = Write::verify(path("c/5"), Require::Present);
        let merge = Write::merge(path("c/2"), fields! { "a" => 1 }).unwrap();
        vec![bump, merge, Write::delete(path("c/3")), Write::delete(path("c/4")), verify]
    };
    block_on(db.commit(writes())).unwrap_err();
    assert_eq!(meter.snapshot(), Bill { rpcs: 1, ..Bill::ZERO });
    block_on(db.commit(writes())).unwrap();
    assert_eq!(meter.of(Operation::Commit), Bill { rpcs: 2, reads: 1, writes: 2, deletes: 2 });
    let usage = meter.usage();
    assert_eq!(usage.errors[&(Operation::Commit, ErrorKind::Unavailable)], 1);
    assert_eq!(usage.failures(), 1);
}

#[test]
fn a_query_is_billed_by_its_last_event_and_by_its_rows_if_that_never_comes() {
    let (db, meter) = metered(&Scripted::default().rows(vec![row(), row(), row(), done(8)]));
    let query = || Query::collection("c").offset(5).build().unwrap();
    block_on(db.query(query())).unwrap();
    assert_eq!(meter.snapshot(), Bill { rpcs: 1, reads: 8, ..Bill::ZERO });

    let before = meter.snapshot();
    let mut rows = db.stream(query()).unwrap();
    block_on(rows.next()).unwrap().unwrap();
    assert_eq!(meter.since(before), Bill { rpcs: 1, ..Bill::ZERO });
    drop(rows);
    assert_eq!(meter.since(before), Bill { rpcs: 1, reads: 6, ..Bill::ZERO });

    let before = meter.snapshot();
    drop(db.stream(query()).unwrap());
    assert_eq!(meter.since(before), Bill { rpcs: 1, ..Bill::ZERO });
}

#[test]
fn an_aggregation_is_billed_as_its_answer_says() {
    let (db, meter) = metered(&Scripted::default());
    let count = vec![("n".to_owned(), Aggregation::Count { up_to: None })];
    block_on(db.aggregate(Query::collection("c").build().unwrap(), count)).unwrap();
    assert_eq!(meter.of(Operation::Aggregate), Bill { rpcs: 1, reads: 3, ..Bill::ZERO });
}

#[test]
fn a_transaction_is_billed_one_request_at_each_end() {
    let (db, meter) = metered(&Scripted::default());
    let txn = block_on(db.store().begin(db.cx(), TxnOptions::default())).unwrap();
    block_on(db.store().rollback(db.cx(), txn)).unwrap();
    for operation in [Operation::Begin, Operation::Rollback] {
        assert_eq!(meter.of(operation), Bill { rpcs: 1, ..Bill::ZERO });
    }
}

#[test]
fn a_watch_is_billed_batch_by_batch() {
    let batch = |billed_reads| {
        let (read_time, position) = (Timestamp::UNIX_EPOCH, Position::new("p"));
        let changes = Vec::new();
        Ok(WatchEvent::Batch(Batch { changes, read_time, position, caught_up: true, billed_reads }))
    };
    let cut = Err(Error::new(ErrorKind::PositionExpired, "too old"));
    let store = Scripted::default().watch_yields(vec![batch(4), batch(1), cut]);
    let (db, meter) = metered(&store);
    let mut events = db.watch_documents(vec![path("c/d")], WatchFrom::Start);
    block_on(events.next()).unwrap().unwrap();
    assert_eq!(meter.snapshot(), Bill { rpcs: 1, reads: 4, ..Bill::ZERO });
    block_on(events.next()).unwrap().unwrap();
    block_on(events.next()).unwrap().unwrap_err();
    assert_eq!(meter.of(Operation::Watch), Bill { rpcs: 1, reads: 5, ..Bill::ZERO });
    assert_eq!(meter.usage().errors[&(Operation::Watch, ErrorKind::PositionExpired)], 1);
}

#[test]
fn bills_are_kept_by_label() {
    let (db, meter) = metered(&Scripted::default());
    block_on(db.clone().labelled("page").get("c/d")).unwrap();
    block_on(db.clone().labelled("page").delete("c/d")).unwrap();
    let before = meter.usage();
    block_on(db.get("c/d")).unwrap();
    assert_eq!(meter.labelled("page"), Bill { rpcs: 2, reads: 1, writes: 0, deletes: 1 });
    let since = meter.usage() - &before;
    assert_eq!(since.bills.keys().collect::<Vec<_>>(), [&(String::new(), Operation::BatchGet)]);
}

#[test]
fn a_call_dropped_on_the_way_was_an_attempt_all_the_same() {
    let (db, meter) = metered(&Scripted::default().hang());
    let store = db.store().clone();
    let mut call = store.batch_get(db.cx(), BatchGet::new(vec![path("c/d")]));
    assert!(futures::FutureExt::now_or_never(&mut call).is_none());
    drop(call);
    assert_eq!(meter.snapshot(), Bill { rpcs: 1, ..Bill::ZERO });
}
