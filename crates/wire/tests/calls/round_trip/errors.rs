//! Errors, there and back.

use std::time::Duration;

use firekeep_core::{
    Commit, Cx, Effect, Error, ErrorKind, Operation, Query, QueryRequest, Retry, Store, TxnId,
    Write,
};
use futures::StreamExt;

use super::echo::Echo;

/// What the client is told of an error of a kind, where the protocol has no word of its own for it.
fn told(kind: ErrorKind) -> ErrorKind {
    match kind {
        // Positions are of watches, whose errors travel in their stream.
        ErrorKind::PositionExpired => ErrorKind::InvalidArgument,
        // What a client makes of what it read; no store answers this.
        ErrorKind::Decode => ErrorKind::InvalidArgument,
        kind => kind,
    }
}

/// A message such as the store's own. A missing index is known by its words.
fn error(kind: ErrorKind) -> Error {
    match kind {
        ErrorKind::MissingIndex => Error::new(kind, "The query requires an index."),
        kind => Error::new(kind, "words of the store").at_path("c/d"),
    }
}

fn commit(in_txn: bool) -> Commit {
    let commit = Commit::new(vec![Write::delete("c/d".try_into().unwrap())]).unwrap();
    if in_txn { commit.in_txn(TxnId::new("token")) } else { commit }
}

async fn query(echo: &Echo) -> Error {
    let query = Query::collection("c").build().unwrap();
    let mut events = echo.client.query(&Cx::new(), QueryRequest::new(query));
    events.next().await.unwrap().unwrap_err()
}

#[tokio::test]
async fn each_kind_is_told_as_what_it_is() {
    let echo = Echo::start();
    for kind in ErrorKind::ALL {
        echo.fail_with(move || error(kind));
        let after_commit = echo.client.commit(&Cx::new(), commit(false)).await.unwrap_err();
        let after_query = query(&echo).await;
        for (error, operation) in
            [(after_commit, Operation::Commit), (after_query, Operation::Query)]
        {
            assert_eq!(error.kind(), told(kind), "{kind} by {operation}: {error}");
            assert_eq!(error.operation(), Some(operation));
        }
    }
}

#[tokio::test]
async fn whether_to_try_again_is_told() {
    let echo = Echo::start();
    for kind in ErrorKind::ALL {
        echo.fail_with(move || error(kind));
        let alone = echo.client.commit(&Cx::new(), commit(false)).await.unwrap_err().retry();
        let in_txn = echo.client.commit(&Cx::new(), commit(true)).await.unwrap_err().retry();
        let (of_alone, of_txn) = match (kind, kind.retry()) {
            // Who cancelled is not told: if it was not the caller, another try may do.
            (ErrorKind::Cancelled, _) => (Retry::Request { after: None }, Retry::Transaction),
            // A request that is no part of a transaction may lose against one, and is repeated alone.
            (ErrorKind::Aborted, _) => (Retry::Request { after: None }, Retry::Transaction),
            (_, Retry::Request { .. }) => (Retry::Request { after: None }, Retry::Transaction),
            (_, retry) => (retry, retry),
        };
        assert_eq!((alone, in_txn), (of_alone, of_txn), "{kind}");
    }
}

#[tokio::test]
async fn how_long_to_wait_is_told() {
    let echo = Echo::start();
    let retry = Retry::Request { after: Some(Duration::from_millis(1_500)) };
    for kind in [ErrorKind::ResourceExhausted, ErrorKind::Unavailable, ErrorKind::Aborted] {
        echo.fail_with(move || error(kind).with_retry(retry));
        let told = echo.client.commit(&Cx::new(), commit(false)).await.unwrap_err();
        assert_eq!((told.kind(), told.retry()), (kind, retry));
    }
}

#[tokio::test]
async fn a_write_that_may_have_happened_is_never_told_not_to_have() {
    let echo = Echo::start();
    for kind in [
        ErrorKind::Unavailable,
        ErrorKind::DeadlineExceeded,
        ErrorKind::Internal,
        ErrorKind::Unknown,
        ErrorKind::Cancelled,
        ErrorKind::DataLoss,
    ] {
        echo.fail_with(move || error(kind).with_effect(Effect::Unknown));
        let told = echo.client.commit(&Cx::new(), commit(false)).await.unwrap_err();
        assert_eq!(told.effect(), Effect::Unknown, "{kind}");
    }
    for kind in [
        ErrorKind::InvalidArgument,
        ErrorKind::NotFound,
        ErrorKind::AlreadyExists,
        ErrorKind::FailedPrecondition,
        ErrorKind::Aborted,
        ErrorKind::TransactionExpired,
        ErrorKind::ResourceExhausted,
        ErrorKind::Unimplemented,
    ] {
        echo.fail_with(move || error(kind));
        let told = echo.client.commit(&Cx::new(), commit(false)).await.unwrap_err();
        assert_eq!(told.effect(), Effect::None, "{kind}");
    }
}
