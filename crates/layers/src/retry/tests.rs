use std::time::Duration;

use firekeep_core::{
    DocPath, Document, Effect, Error, ErrorKind, ManualClock, Query, Require, Retry, Timestamp,
    TransformOp, Write, fields,
};
use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt};

use super::*;
use crate::scripted::Scripted;
use crate::{FaultLayer, Rates, Stack};

/// Runs `call` to its end; whenever it waits for the clock, moves the clock to the next wake.
/// Answers how much time that took.
fn run<T>(clock: &ManualClock, call: impl Future<Output = T>) -> (T, Duration) {
    let start = clock.monotonic();
    let mut call = Box::pin(call);
    let answer = loop {
        if let Some(answer) = (&mut call).now_or_never() {
            break answer;
        }
        clock.advance(clock.next_wake().expect("the call waits for the clock"));
    };
    (answer, clock.monotonic() - start)
}

fn layered(store: &Scripted, clock: &ManualClock) -> Arc<dyn Store> {
    Box::new(RetryLayer::new(Arc::new(clock.clone()))).wrap(store.arc())
}

fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "down")
}

fn lost() -> Error {
    unavailable().with_effect(Effect::Unknown)
}

fn path() -> DocPath {
    DocPath::new("c/d").unwrap()
}

fn get() -> BatchGet {
    BatchGet::new(vec![path()])
}

/// What a commit of `write` answers after `failures`, and how often it was sent.
fn commit_after(failures: Vec<Error>, write: Write) -> (Result<Committed>, usize) {
    let store = Scripted::default().fail(Operation::Commit, failures);
    let clock = ManualClock::new();
    let layered = layered(&store, &clock);
    let (answer, _) = run(&clock, layered.commit(&Cx::new(), write.into()));
    (answer, store.commits().len())
}

fn increment() -> Write {
    Write::transform(path()).with("n", TransformOp::Increment(1.into())).unwrap()
}

fn create() -> Write {
    Write::create(path(), fields! { "a" => 1 }).unwrap()
}

#[test]
fn a_read_is_tried_five_times_with_growing_waits() {
    let store = Scripted::default().fail(Operation::BatchGet, vec![unavailable(), unavailable()]);
    let clock = ManualClock::new();
    let (answer, waited) = run(&clock, layered(&store, &clock).batch_get(&Cx::new(), get()));
    assert_eq!(answer.unwrap().lookups.len(), 1);
    assert!(waited <= Duration::from_millis(300), "{waited:?}");

    let store =
        Scripted::default().fail(Operation::BatchGet, (0..9).map(|_| unavailable()).collect());
    let (answer, _) = run(&clock, layered(&store, &clock).batch_get(&Cx::new(), get()));
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.calls().len(), 5);
}

#[test]
fn what_can_not_succeed_is_not_tried_again() {
    let denied = Error::new(ErrorKind::PermissionDenied, "no");
    let store = Scripted::default().fail(Operation::BatchGet, vec![denied]);
    let clock = ManualClock::new();
    let (answer, waited) = run(&clock, layered(&store, &clock).batch_get(&Cx::new(), get()));
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!((store.calls().len(), waited), (1, Duration::ZERO));
}

#[test]
fn a_wait_that_the_server_asked_for_is_kept() {
    let after = Some(Duration::from_secs(30));
    let busy =
        Error::new(ErrorKind::ResourceExhausted, "busy").with_retry(Retry::Request { after });
    let store = Scripted::default().fail(Operation::BatchGet, vec![busy]);
    let clock = ManualClock::new();
    let (answer, waited) = run(&clock, layered(&store, &clock).batch_get(&Cx::new(), get()));
    assert!(answer.is_ok() && waited >= Duration::from_secs(30), "{waited:?}");
}

#[test]
fn nothing_is_tried_past_the_deadline() {
    let after = Some(Duration::from_secs(2));
    let busy = || unavailable().with_retry(Retry::Request { after });
    let store = Scripted::default().fail(Operation::BatchGet, vec![busy(), busy(), busy()]);
    let clock = ManualClock::new();
    let cx = Cx::new().with_deadline(clock.monotonic() + Duration::from_secs(3));
    let (answer, waited) = run(&clock, layered(&store, &clock).batch_get(&cx, get()));
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.calls().len(), 2);
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

#[test]
fn an_empty_budget_ends_retrying_for_every_call() {
    let failures = (0..9).map(|_| unavailable()).collect();
    let store = Scripted::default().fail(Operation::Begin, failures);
    let clock = ManualClock::new();
    let budget = BudgetOptions { per_call: 0.0, per_second: 0.0, capacity: 2.0 };
    let layer = RetryLayer::new(Arc::new(clock.clone())).budget(budget);
    let layered = Box::new(layer).wrap(store.arc());
    for sent in [3, 4] {
        let (answer, _) = run(&clock, layered.begin(&Cx::new(), TxnOptions::default()));
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(store.calls().len(), sent);
    }
}

#[test]
fn a_commit_that_did_nothing_is_sent_again_whatever_it_holds() {
    let aborted = Error::new(ErrorKind::Aborted, "lost against a transaction");
    let (answer, sent) = commit_after(vec![unavailable(), aborted], increment());
    assert_eq!((answer.is_ok(), sent), (true, 3));
}

#[test]
fn a_commit_that_may_have_happened_is_sent_again_only_if_that_does_no_harm() {
    let (answer, sent) = commit_after(vec![lost()], increment());
    assert_eq!((answer.unwrap_err().effect(), sent), (Effect::Unknown, 1));
    let (answer, sent) = commit_after(vec![lost()], create());
    assert_eq!((answer.is_ok(), sent), (true, 2));
}

#[test]
fn a_refusal_after_a_lost_reply_does_not_say_that_nothing_was_written() {
    let exists = || Error::new(ErrorKind::AlreadyExists, "there");
    let (answer, sent) = commit_after(vec![lost(), exists()], create());
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::AlreadyExists, Effect::Unknown));
    assert_eq!(sent, 2);
    // Nor does a failure that by itself is certain, in between or at the very end.
    let failures = vec![lost(), unavailable(), unavailable(), unavailable(), unavailable()];
    let (answer, sent) = commit_after(failures, create());
    assert_eq!((answer.unwrap_err().effect(), sent), (Effect::Unknown, 5));
    // Without a lost reply, a refusal is certain.
    let (answer, sent) = commit_after(vec![unavailable(), exists()], create());
    assert_eq!((answer.unwrap_err().effect(), sent), (Effect::None, 2));
}

#[test]
fn the_same_commit_is_sent_each_time() {
    let store = Scripted::default().fail(Operation::Commit, vec![lost(), unavailable()]);
    let clock = ManualClock::new();
    let write =
        create().require(Require::Version(firekeep_core::Version::at(Timestamp::UNIX_EPOCH)));
    let commit = Commit::from(write);
    run(&clock, layered(&store, &clock).commit(&Cx::new(), commit.clone())).0.unwrap();
    assert_eq!(store.commits(), vec![commit; 3]);
}

#[test]
fn within_a_transaction_only_the_rollback_is_tried_again() {
    let operations = [Operation::BatchGet, Operation::Query, Operation::Commit];
    let mut store = Scripted::default().fail(Operation::Rollback, vec![unavailable()]);
    for operation in operations {
        store = store.fail(operation, vec![unavailable()]);
    }
    let clock = ManualClock::new();
    let layered = layered(&store, &clock);
    let (cx, txn) = (Cx::new(), TxnId::new("t"));
    for at in [ReadAt::Txn(txn.clone()), ReadAt::Begin(TxnOptions::default())] {
        let store = store.clone().fail(Operation::BatchGet, vec![unavailable()]);
        let before = store.calls().len();
        block_on(layered.batch_get(&cx, BatchGet { at, ..get() })).unwrap_err();
        assert_eq!(store.calls().len(), before + 1);
    }
    let query = Query::collection("c").build().unwrap();
    let request = QueryRequest { query, at: ReadAt::Txn(txn.clone()) };
    block_on(layered.query(&cx, request).next()).unwrap().unwrap_err();
    block_on(layered.commit(&cx, Commit::from(create()).in_txn(txn.clone()))).unwrap_err();
    run(&clock, layered.rollback(&cx, txn)).0.unwrap();
    let count = |of| store.calls().into_iter().filter(|call| *call == of).count();
    assert_eq!([Operation::Query, Operation::Commit, Operation::Rollback].map(count), [1, 1, 2]);
}

#[test]
fn a_query_is_tried_again_until_its_first_event() {
    let time = Timestamp::UNIX_EPOCH;
    let row = QueryEvent::Row(Document::new(path(), fields! {}, time, time));
    let events = vec![row, QueryEvent::Done { read_time: time, billed_reads: 1 }];
    let store = Scripted::default()
        .fail(Operation::Query, vec![unavailable(), unavailable()])
        .rows(events.clone());
    let clock = ManualClock::new();
    let request = QueryRequest::new(Query::collection("c").build().unwrap());
    let answer = layered(&store, &clock).query(&Cx::new(), request).try_collect::<Vec<_>>();
    assert_eq!(run(&clock, answer).0.unwrap(), events);
    assert_eq!(store.calls().len(), 3);
}

#[test]
fn a_query_that_fails_after_its_first_event_passes_the_error_on() {
    let time = Timestamp::UNIX_EPOCH;
    let row = QueryEvent::Row(Document::new(path(), fields! {}, time, time));
    let store = Scripted::default().rows(vec![row]).cut_queries(unavailable());
    let clock = ManualClock::new();
    let request = QueryRequest::new(Query::collection("c").build().unwrap());
    let events = layered(&store, &clock).query(&Cx::new(), request).collect::<Vec<_>>();
    let (events, waited) = run(&clock, events);
    assert_eq!((events.len(), store.calls().len(), waited), (2, 1, Duration::ZERO));
    assert!(events[1].is_err());
}

/// The promise that everything above relies on, over every fault that a network has: an answer is
/// true, and so is "nothing was written", even after what is late has arrived.
#[test]
fn no_sequence_of_faults_makes_an_answer_a_lie() {
    let rate = 0.12;
    let rates = Rates {
        fail: rate,
        lose_request: rate,
        lose_reply: rate,
        late: rate,
        duplicate: rate,
        delay: rate,
        delay_reply: rate,
        ..Rates::default()
    };
    let (mut uncertain, mut refused) = (0, 0);
    for seed in 0..500 {
        let (backend, clock) = (Scripted::default().guarded(), ManualClock::new());
        let fault = FaultLayer::new(seed, Arc::new(clock.clone())).everywhere(rates);
        let faults = fault.handle();
        let retry = RetryLayer::new(Arc::new(clock.clone())).attempts(3);
        let store = Stack::from_arc(backend.arc()).with(fault).with(retry).build().unwrap();
        let paths: Vec<_> = (0..20).map(|n| DocPath::new(format!("c/{n}")).unwrap()).collect();
        let create = |path: &DocPath| {
            let cx = Cx::new().with_deadline(clock.monotonic() + Duration::from_secs(3));
            let write = Write::create(path.clone(), fields! {}).unwrap();
            run(&clock, async { store.commit(&cx, write.into()).await }).0
        };
        let answers: Vec<_> = paths.iter().map(create).collect();
        block_on(faults.release_late());
        for (path, answer) in paths.iter().zip(answers) {
            match answer {
                Ok(_) => assert!(backend.holds(path), "seed {seed}: {path} is not there"),
                Err(error) if error.effect() == Effect::None => {
                    assert!(!backend.holds(path), "seed {seed}: {path} was written: {error}");
                }
                Err(error) => {
                    uncertain += 1;
                    refused += u32::from(error.is_refused_precondition());
                }
            }
        }
    }
    assert!(uncertain > 500 && refused > 100, "{uncertain} uncertain, {refused} of them refused");
}

#[test]
fn a_watch_is_left_to_the_backend() {
    let store = Scripted::default().fail(Operation::Watch, vec![unavailable()]);
    let clock = ManualClock::new();
    let target = firekeep_core::WatchTarget::Documents(vec![path()]);
    let request = WatchRequest { target, from: firekeep_core::WatchFrom::Start };
    let mut events = layered(&store, &clock).watch(&Cx::new(), request);
    block_on(events.next()).unwrap().unwrap_err();
    assert_eq!(store.calls().len(), 1);
}
