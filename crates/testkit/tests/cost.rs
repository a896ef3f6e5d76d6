//! What each operation of `Db` and `Collection` costs, to the RPC and the billed document, on both
//! backends: the `# Cost` sections as assertions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use firekeep_core::{
    Aggregation, DocPath, Error, Query, Require, TransformOp, WatchEvent, WatchFrom, Write, fields,
};
use firekeep_layers::Bill;
use firekeep_testkit::{TestBackend, backends};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

const fn bill(rpcs: u64, reads: u64, writes: u64, deletes: u64) -> Bill {
    Bill { rpcs, reads, writes, deletes }
}

fn path(id: &str) -> DocPath {
    DocPath::new(format!("c/{id}")).unwrap()
}

async fn three(backend: &TestBackend) {
    let writes = ["a", "b", "d"].map(|id| Write::replace(path(id), fields! { "n" => 1 }).unwrap());
    let (answer, cost) = backend.bill(backend.db().commit(writes.into())).await;
    answer.unwrap();
    assert_eq!(cost, bill(1, 0, 3, 0), "one commit of three writes");
}

#[derive(Debug, Serialize, Deserialize)]
struct Counter {
    n: i64,
}

backends! {
    async fn reads_bill_each_distinct_path_found_or_missing(backend: TestBackend) {
        three(&backend).await;
        let db = backend.db();
        assert_eq!(backend.bill(db.get("c/a")).await.1, bill(1, 1, 0, 0), "found");
        assert_eq!(backend.bill(db.get("c/x")).await.1, bill(1, 1, 0, 0), "missing");
        let paths = ["a", "b", "a", "x"].map(path);
        assert_eq!(backend.bill(db.lookup(paths)).await.1, bill(1, 3, 0, 0), "one path twice");
        assert_eq!(backend.bill(db.lookup([])).await.1.reads, 0, "none");
    }

    async fn queries_bill_rows_and_at_least_one(backend: TestBackend) {
        three(&backend).await;
        let db = backend.db();
        let all = || Query::collection("c");
        assert_eq!(backend.bill(db.query(all())).await.1, bill(1, 3, 0, 0), "three rows");
        assert_eq!(backend.bill(db.query(all().limit(2))).await.1, bill(1, 2, 0, 0), "limited");
        let empty = Query::collection("none");
        assert_eq!(backend.bill(db.query(empty)).await.1, bill(1, 1, 0, 0), "no row");
        assert_eq!(backend.bill(db.count(all())).await.1, bill(1, 1, 0, 0), "counted");
        let sum = vec![("sum".to_owned(), Aggregation::Sum("n".try_into().unwrap()))];
        assert_eq!(backend.bill(db.aggregate(all(), sum)).await.1, bill(1, 1, 0, 0), "summed");
    }

    async fn writes_bill_one_each_and_nothing_when_refused(backend: TestBackend) {
        let db = backend.db();
        let one = bill(1, 0, 1, 0);
        assert_eq!(backend.bill(db.create("c/a", fields! { "n" => 1 })).await.1, one, "create");
        assert_eq!(backend.bill(db.set("c/a", fields! { "n" => 2 })).await.1, one, "set");
        assert_eq!(backend.bill(db.set("c/a", fields! { "n" => 2 })).await.1, one, "no-op set");
        assert_eq!(backend.bill(db.merge("c/a", fields! { "m" => 2 })).await.1, one, "merge");
        assert_eq!(backend.bill(db.update("c/a", fields! { "m" => 3 })).await.1, one, "update");
        let transform = Write::transform(path("a"));
        let transform = transform.with("n", TransformOp::Increment(1.into())).unwrap();
        assert_eq!(backend.bill(db.write(transform)).await.1, one, "transform");
        let (refused, cost) = backend.bill(db.create("c/a", fields! {})).await;
        assert!(refused.is_err());
        assert_eq!(cost, bill(1, 0, 0, 0), "a refused create");
        let guarded = vec![
            Write::verify(path("a"), Require::Present),
            Write::replace(path("b"), fields! {}).unwrap(),
        ];
        assert_eq!(backend.bill(db.commit(guarded)).await.1, bill(1, 1, 1, 0), "verify and write");
        assert_eq!(backend.bill(db.delete("c/a")).await.1, bill(1, 0, 0, 1), "delete");
        assert_eq!(backend.bill(db.delete("c/a")).await.1, bill(1, 0, 0, 1), "delete of nothing");
    }

    async fn a_transaction_begins_with_its_first_read(backend: TestBackend) {
        three(&backend).await;
        let body = |txn: firekeep_core::Txn| async move {
            txn.get(path("a")).await?;
            txn.get(path("b")).await?;
            txn.set(&path("a"), fields! { "n" => 5 })
        };
        let (done, cost) = backend.bill(backend.db().transact::<_, Error, _, _>(body)).await;
        done.unwrap();
        assert_eq!(cost, bill(3, 2, 1, 0), "two gets and a commit, no begin");
        let blind = |txn: firekeep_core::Txn| async move { txn.set(&path("a"), fields! {}) };
        let (done, cost) = backend.bill(backend.db().transact::<_, Error, _, _>(blind)).await;
        done.unwrap();
        assert_eq!(cost, bill(1, 0, 1, 0), "nothing read, nothing begun");
        let look = |txn: firekeep_core::Txn| async move { txn.get(path("a")).await };
        let (found, cost) = backend.bill(backend.db().snapshot(None, look)).await;
        assert!(found.unwrap().is_some());
        assert_eq!(cost, bill(1, 1, 0, 0), "a snapshot needs no end");
        let fail = |txn: firekeep_core::Txn| async move {
            txn.get(path("a")).await?;
            Err::<(), _>(Error::invalid("no"))
        };
        let (failed, cost) = backend.bill(backend.db().transact(fail)).await;
        assert!(failed.is_err());
        assert_eq!(cost, bill(2, 1, 0, 0), "a get and a rollback");
    }

    async fn typed_collections_cost_what_their_documents_do(backend: TestBackend) {
        let counters = backend.db().collection::<Counter>("c").unwrap();
        let one = bill(1, 0, 1, 0);
        assert_eq!(backend.bill(counters.create("a", &Counter { n: 1 })).await.1, one, "create");
        assert_eq!(backend.bill(counters.set("a", &Counter { n: 2 })).await.1, one, "set");
        assert_eq!(backend.bill(counters.merge("a", &Counter { n: 3 })).await.1, one, "merge");
        assert_eq!(backend.bill(counters.get("a")).await.1, bill(1, 1, 0, 0), "get");
        let (updated, cost) = backend.bill(counters.update("a", |counter| counter.n += 1)).await;
        assert_eq!(updated.unwrap().n, 4);
        assert_eq!(cost, bill(2, 1, 1, 0), "read, change, write back");
        assert_eq!(backend.bill(counters.query().get()).await.1, bill(1, 1, 0, 0), "query");
        assert_eq!(backend.bill(counters.delete("a")).await.1, bill(1, 0, 0, 1), "delete");
    }

    async fn a_watch_bills_what_it_delivers(backend: TestBackend) {
        three(&backend).await;
        let before = backend.meter().snapshot();
        let mut events = backend.db().watch(Query::collection("c"), WatchFrom::Start).unwrap();
        next_batch(&mut events).await;
        assert_eq!(backend.meter().since(before), bill(1, 3, 0, 0), "the whole state");
        backend.db().set("c/a", fields! { "n" => 9 }).await.unwrap();
        next_batch(&mut events).await;
        assert_eq!(backend.meter().since(before), bill(2, 4, 1, 0), "one write, one change");
        backend.db().delete("c/b").await.unwrap();
        next_batch(&mut events).await;
        assert_eq!(backend.meter().since(before), bill(3, 4, 1, 1), "a deletion is not billed");
    }
}

async fn next_batch(
    events: &mut futures::stream::BoxStream<'static, firekeep_core::Result<WatchEvent>>,
) {
    while !matches!(events.try_next().await.unwrap(), Some(WatchEvent::Batch(_))) {}
}
