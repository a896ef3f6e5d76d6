//! What the client makes of calls that go wrong.

use firekeep_core::{Effect, ErrorKind, Retry, Write, fields};
use firekeep_testkit::TestBackend;
use firekeep_testkit::backend::NO_INDEXES;
use firekeep_wire::{Fault, FaultKind, Method};

fn create() -> Write {
    Write::create("c/a".try_into().unwrap(), fields! { "n" => 1 }).unwrap()
}

async fn exists(backend: &TestBackend) -> bool {
    let memory = firekeep_core::Db::new(backend.memory().unwrap().clone());
    memory.get("c/a").await.unwrap().is_some()
}

/// However a reply is lost, whoever asked for a write must not take it for one that did not happen.
#[tokio::test]
async fn a_lost_reply_leaves_a_write_uncertain() {
    for (kind, is_done) in [
        (FaultKind::LoseReply, true),
        (FaultKind::Cut, true),
        (FaultKind::Disconnect, true),
        (FaultKind::LoseRequest, false),
        (FaultKind::Late, false),
    ] {
        let backend = TestBackend::on_wire(NO_INDEXES);
        backend.faults().unwrap().next(Method::Commit, kind);
        let error = backend.db().write(create()).await.unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown, "{kind}: {error:?}");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{kind}: {error:?}");
        assert_eq!(exists(&backend).await, is_done, "{kind}");
        backend.db().get("c/a").await.unwrap();
    }
}

#[tokio::test]
async fn a_delay_that_the_server_asks_for_is_passed_on() {
    let backend = TestBackend::on_wire(NO_INDEXES);
    let fault: Fault = "resource-exhausted@9s".parse().unwrap();
    backend.faults().unwrap().next(Method::Commit, fault);
    let error = backend.db().write(create()).await.unwrap_err();
    assert_eq!(error.effect(), Effect::None);
    let after = Some(std::time::Duration::from_secs(9));
    assert_eq!(error.retry(), Retry::Request { after });
}

#[tokio::test]
async fn rows_that_break_off_are_an_error_and_not_a_shorter_answer() {
    for kind in [FaultKind::Break, FaultKind::Cut, FaultKind::Disconnect] {
        for nth in 1..=3 {
            let backend = TestBackend::on_wire(NO_INDEXES);
            for id in ["a", "b", "d"] {
                backend.db().set(format!("c/{id}").as_str(), fields! {}).await.unwrap();
            }
            backend.faults().unwrap().nth(Method::RunQuery, nth, kind);
            let query = || firekeep_core::Query::collection("c").build().unwrap();
            let error = backend.db().query(query()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{kind} {nth}: {error:?}");
            assert_eq!(backend.db().query(query()).await.unwrap().len(), 3);
        }
    }
}

#[tokio::test]
async fn a_transaction_that_meets_contention_is_run_again() {
    let backend = TestBackend::on_wire(NO_INDEXES);
    backend.db().set("c/a", fields! { "n" => 0 }).await.unwrap();
    let faults = backend.faults().unwrap();
    faults.next(Method::Commit, FaultKind::Aborted);
    faults.nth(Method::Commit, 2, FaultKind::Aborted);
    let attempts = std::sync::atomic::AtomicUsize::new(0);
    let path = firekeep_core::DocPath::new("c/a").unwrap();
    let run = backend.db().transact(|txn| {
        attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = path.clone();
        async move {
            assert!(txn.get(&path).await?.is_some());
            txn.set(&path, fields! { "n" => 1 })
        }
    });
    run.await.unwrap();
    assert_eq!(attempts.into_inner(), 3);
}
