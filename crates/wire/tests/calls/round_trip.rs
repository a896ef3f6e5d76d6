//! What our own client says is what the store hears, and what the store answers is what the client
//! is told: documents, requests, and errors with their kind, retry and effect.

mod draw;
mod echo;
mod errors;

use firekeep_core::{
    Aggregation, BatchGet, Commit, Concurrency, Cx, QueryEvent, QueryRequest, ReadAt, Store, TxnId,
    TxnOptions,
};
use futures::TryStreamExt;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use echo::{Echo, Heard};

/// Runs `test` on what `strategy` draws, with a client of a server of the echo.
fn for_each<T: std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
    test: impl AsyncFn(&Echo, T) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let echo = Echo::start();
    let config = Config { failure_persistence: None, ..Config::with_cases(200) };
    let outcome =
        TestRunner::new(config).run(&strategy, |drawn| runtime.block_on(test(&echo, drawn)));
    outcome.unwrap();
}

#[test]
fn documents_that_are_read_come_back_bit_for_bit() {
    for_each(draw::document(), async |echo, document| {
        echo.answer_with(document.clone());
        let read = BatchGet::new(vec![document.path().clone()]);
        let found = echo.client.batch_get(&Cx::new(), read).await.unwrap();
        prop_assert_eq!(found.lookups[0].document.as_ref(), Some(&document));
        let query = firekeep_core::Query::collection("c").build().unwrap();
        let rows: Vec<_> =
            echo.client.query(&Cx::new(), QueryRequest::new(query)).try_collect().await.unwrap();
        prop_assert_eq!(&rows[0], &QueryEvent::Row(document));
        Ok(())
    });
}

#[test]
fn commits_are_heard_as_they_were_said() {
    for_each((draw::writes(), any::<bool>()), async |echo, (writes, in_txn)| {
        let commit = Commit::new(writes).unwrap();
        let commit = if in_txn { commit.in_txn(TxnId::new("token")) } else { commit };
        echo.client.commit(&Cx::new(), commit.clone()).await.unwrap();
        prop_assert_eq!(echo.heard(), Heard::Commit(commit));
        Ok(())
    });
}

#[test]
fn queries_are_heard_as_they_were_said() {
    for_each((draw::query(), draw::read_at()), async |echo, (query, at)| {
        let request = QueryRequest { query, at };
        let events = echo.client.query(&Cx::new(), request.clone());
        let _: Vec<_> = events.try_collect().await.unwrap();
        prop_assert_eq!(echo.heard(), Heard::Query(request));
        Ok(())
    });
}

#[test]
fn aggregations_are_heard_as_they_were_said() {
    let bound = prop::option::of(1..u32::MAX);
    for_each((draw::query(), draw::read_at(), bound), async |echo, (query, at, up_to)| {
        let count = vec![("n".to_owned(), Aggregation::Count { up_to })];
        let request = firekeep_core::AggregateRequest::new(query, count).unwrap().at(at);
        echo.client.aggregate(&Cx::new(), request.clone()).await.unwrap();
        prop_assert_eq!(echo.heard(), Heard::Aggregate(request));
        Ok(())
    });
}

#[tokio::test]
async fn reads_and_transactions_are_heard_as_they_were_said() {
    let echo = Echo::start();
    let cx = Cx::new();
    let paths = ["c/d", "c/d/e/f"].map(|path| path.try_into().unwrap()).to_vec();
    let mask = vec![firekeep_core::FieldPath::parse("a.`b c`").unwrap()];
    for at in [ReadAt::Latest, ReadAt::Txn(TxnId::new("token"))] {
        let read = BatchGet { paths: paths.clone(), mask: Some(mask.clone()), at };
        echo.client.batch_get(&cx, read.clone()).await.unwrap();
        assert_eq!(echo.heard(), Heard::BatchGet(read));
    }
    let write = |retry, concurrency| TxnOptions::ReadWrite { retry, concurrency };
    let time = firekeep_core::Timestamp::from_micros(5_000_001).unwrap();
    for options in [
        write(None, None),
        write(Some(TxnId::new("first")), None),
        write(None, Some(Concurrency::Optimistic)),
        write(None, Some(Concurrency::Pessimistic)),
        TxnOptions::ReadOnly { at: None },
        TxnOptions::ReadOnly { at: Some(time) },
    ] {
        echo.client.begin(&cx, options.clone()).await.unwrap();
        assert_eq!(echo.heard(), Heard::Begin(options));
    }
    echo.client.rollback(&cx, TxnId::new("token")).await.unwrap();
    assert_eq!(echo.heard(), Heard::Rollback(TxnId::new("token")));
}
