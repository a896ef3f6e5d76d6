use firekeep_core::{
    DocPath, Effect, ManualClock, Query, Require, WatchFrom, WatchTarget, Write, fields,
};
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};

use super::*;
use crate::scripted::Scripted;

mod streams;

struct Broken {
    store: Arc<dyn Store>,
    faults: FaultHandle,
    clock: ManualClock,
    cx: Cx,
}

fn broken(backend: &Scripted, configure: impl FnOnce(FaultLayer) -> FaultLayer) -> Broken {
    let clock = ManualClock::new();
    let layer = configure(FaultLayer::new(1, Arc::new(clock.clone())));
    let faults = layer.handle();
    Broken { store: Box::new(layer).wrap(backend.arc()), faults, clock, cx: Cx::new() }
}

/// Only what is scripted.
fn scripted(backend: &Scripted) -> Broken {
    broken(backend, |layer| layer)
}

impl Broken {
    fn commit(&self, commit: Commit) -> Result<Committed> {
        block_on(self.store.commit(&self.cx, commit))
    }

    fn get(&self) -> Result<Lookups> {
        block_on(self.store.batch_get(&self.cx, BatchGet::new(vec![path("c/d")])))
    }

    fn watch(&self) -> BoxStream<'static, Result<WatchEvent>> {
        let target = WatchTarget::Documents(vec![path("c/d")]);
        self.store.watch(&self.cx, WatchRequest { target, from: WatchFrom::Start })
    }

    fn query(&self) -> Vec<Result<QueryEvent>> {
        let request = QueryRequest::new(Query::collection("c").build().unwrap());
        block_on(self.store.query(&self.cx, request).collect())
    }
}

fn path(path: &str) -> DocPath {
    DocPath::new(path).unwrap()
}

fn delete(id: &str) -> Commit {
    Write::delete(path(&format!("c/{id}"))).into()
}

fn create() -> Commit {
    Write::create(path("c/d"), fields! { "a" => 1 }).unwrap().into()
}

#[test]
fn a_failure_does_nothing_and_says_so() {
    let backend = Scripted::default();
    let broken = scripted(&backend);
    broken.faults.next(Operation::Commit, Fault::Fail(ErrorKind::ResourceExhausted));
    let error = broken.commit(create()).unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::ResourceExhausted, Effect::None));
    assert_eq!(error.operation(), Some(Operation::Commit));
    assert!(backend.commits().is_empty());
    broken.commit(create()).unwrap();
    assert_eq!(broken.faults.injected(), 1);
}

#[test]
fn a_lost_request_and_a_lost_reply_look_alike_to_the_caller() {
    let backend = Scripted::default();
    let broken = scripted(&backend);
    for (fault, carried_out) in [(Fault::LoseRequest, 0), (Fault::LoseReply, 1)] {
        broken.faults.next(Operation::Commit, fault);
        let error = broken.commit(create()).unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown);
        let kinds = [ErrorKind::Unavailable, ErrorKind::DeadlineExceeded];
        assert!(kinds.contains(&error.kind()));
        assert_eq!(backend.commits().len(), carried_out);
    }
    broken.faults.next(Operation::BatchGet, Fault::LoseReply);
    assert_eq!(broken.get().unwrap_err().effect(), Effect::None);
    assert_eq!(backend.calls().len(), 2);
}

#[test]
fn a_late_commit_goes_through_as_it_was_sent_after_as_many_calls() {
    let backend = Scripted::default();
    let broken = scripted(&backend);
    broken.faults.next(Operation::Commit, Fault::Late { calls: 2 });
    assert_eq!(broken.commit(create()).unwrap_err().effect(), Effect::Unknown);
    broken.get().unwrap();
    assert_eq!((backend.commits().len(), broken.faults.late()), (0, 1));
    broken.commit(delete("later")).unwrap();
    assert_eq!(backend.commits(), [create(), delete("later")]);
    assert_eq!(backend.commits()[0].writes()[0].required(), Some(Require::Absent));
    assert_eq!(broken.faults.late(), 0);
}

#[test]
fn a_late_commit_goes_through_before_a_stream_is_opened() {
    let backend = Scripted::default();
    let broken = scripted(&backend);
    broken.faults.next(Operation::Commit, Fault::Late { calls: 1 });
    broken.commit(create()).unwrap_err();
    broken.query();
    assert_eq!(backend.calls(), [Operation::Commit, Operation::Query]);
}

#[test]
fn late_commits_are_released_in_the_order_in_which_they_were_due() {
    let backend = Scripted::default();
    let broken = scripted(&backend);
    for (id, calls) in [("a", 90), ("b", 50), ("c", 89)] {
        broken.faults.next(Operation::Commit, Fault::Late { calls });
        broken.commit(delete(id)).unwrap_err();
    }
    broken.faults.quiet();
    assert_eq!(block_on(broken.faults.release_late()), 3);
    assert_eq!(backend.commits(), ["b", "a", "c"].map(delete));
    assert_eq!(block_on(broken.faults.release_late()), 0);
}

#[test]
fn a_duplicate_is_delivered_twice_and_answered_by_the_first() {
    let backend = Scripted::default();
    let broken = scripted(&backend);
    broken.faults.next(Operation::Commit, Fault::Duplicate);
    broken.commit(create()).unwrap();
    assert_eq!(backend.commits(), [create(), create()]);
    let lost = Error::new(ErrorKind::Unavailable, "lost").with_effect(Effect::Unknown);
    // A copy of what was refused could be carried out, and the refusal be a lie.
    for (error, deliveries) in [(lost, 2), (Error::new(ErrorKind::Aborted, "contention"), 1)] {
        let (kind, effect) = (error.kind(), error.effect());
        let backend = Scripted::default().fail(Operation::Commit, vec![error]);
        let broken = scripted(&backend);
        broken.faults.next(Operation::Commit, Fault::Duplicate);
        let answer = broken.commit(create()).unwrap_err();
        assert_eq!((answer.kind(), answer.effect()), (kind, effect));
        assert_eq!(backend.commits().len(), deliveries);
    }
}

#[test]
fn delays_wait_on_the_clock_on_either_side_of_the_call() {
    let delay = Duration::from_secs(5);
    for (fault, carried_out) in [(Fault::Delay(delay), 0), (Fault::DelayReply(delay), 1)] {
        let backend = Scripted::default();
        let broken = scripted(&backend);
        broken.faults.next(Operation::Commit, fault);
        let mut call = broken.store.commit(&broken.cx, create());
        assert!((&mut call).now_or_never().is_none());
        assert_eq!(backend.commits().len(), carried_out);
        broken.clock.advance(delay);
        assert!(call.now_or_never().expect("the time has come").is_ok());
        assert_eq!(backend.commits().len(), 1);
    }
}

#[test]
fn a_deadline_cuts_a_delay_off_and_the_caller_can_not_tell_what_happened() {
    let (delay, patience) = (Duration::from_secs(5), Duration::from_secs(2));
    for (fault, carried_out) in [(Fault::Delay(delay), 0), (Fault::DelayReply(delay), 1)] {
        let backend = Scripted::default();
        let broken = scripted(&backend);
        broken.faults.next(Operation::Commit, fault);
        let cx = Cx::new().with_deadline(broken.clock.monotonic() + patience);
        let mut call = broken.store.commit(&cx, create());
        assert!((&mut call).now_or_never().is_none());
        broken.clock.advance(patience);
        let error = call.now_or_never().expect("the deadline has come").unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::DeadlineExceeded, Effect::Unknown));
        assert_eq!(backend.commits().len(), carried_out);
    }
}

#[test]
fn scripts_strike_in_order_and_at_the_call_they_name() {
    let broken = scripted(&Scripted::default());
    let fail = Fault::Fail(ErrorKind::Internal);
    broken.faults.nth(Operation::Commit, 3, fail);
    broken.faults.next(Operation::Begin, fail);
    broken.faults.next(Operation::Begin, fail);
    let begin = || block_on(broken.store.begin(&broken.cx, TxnOptions::default())).is_ok();
    assert_eq!([0; 4].map(|_| broken.commit(delete("a")).is_ok()), [true, true, false, true]);
    assert_eq!([0; 3].map(|_| begin()), [false, false, true]);
    broken.faults.next(Operation::Commit, fail);
    broken.faults.quiet();
    assert!(broken.commit(delete("a")).is_ok());
}

#[test]
#[should_panic(expected = "can't strike a query")]
fn a_script_that_can_not_come_true_is_refused() {
    scripted(&Scripted::default()).faults.next(Operation::Query, Fault::Duplicate);
}

/// How 200 commits end under drawn faults, and which of them reached the backend.
fn simulate(seed: u64) -> (Vec<Option<(ErrorKind, Effect)>>, Vec<Commit>) {
    let (fail, lose_request, lose_reply, late, duplicate) = (0.1, 0.1, 0.1, 0.1, 0.1);
    let rates = Rates { fail, lose_request, lose_reply, late, duplicate, ..Rates::default() };
    let backend = Scripted::default();
    let layer = FaultLayer::new(seed, Arc::new(ManualClock::new())).everywhere(rates);
    let store = Box::new(layer).wrap(backend.arc());
    let outcomes = (0..200).map(|n| {
        let answer = block_on(store.commit(&Cx::new(), delete(&n.to_string())));
        answer.err().map(|error| (error.kind(), error.effect()))
    });
    (outcomes.collect(), backend.commits())
}

#[test]
fn a_seed_breaks_the_same_calls_each_time_and_another_seed_others() {
    assert_eq!(simulate(7), simulate(7));
    assert_ne!(simulate(7).0, simulate(8).0);
}

#[test]
fn rates_are_kept_and_every_kind_of_fault_strikes() {
    let (outcomes, commits) = simulate(3);
    let count = |effect| outcomes.iter().flatten().filter(|(_, e)| *e == effect).count();
    // Of 200: 20 fail, 60 are uncertain; four standard deviations on either side.
    assert!((3..=37).contains(&count(Effect::None)), "{}", count(Effect::None));
    assert!((34..=86).contains(&count(Effect::Unknown)), "{}", count(Effect::Unknown));
    let copies = |n: usize| {
        let commit = delete(&n.to_string());
        commits.iter().filter(|sent| **sent == commit).count()
    };
    assert!((0..200).any(|n| copies(n) == 2 && outcomes[n].is_none()), "no duplicate");
    let uncertain = |n: &usize| outcomes[*n].is_some_and(|(_, effect)| effect == Effect::Unknown);
    assert!((0..200).filter(uncertain).any(|n| copies(n) == 0), "no lost request");
    assert!((0..200).filter(uncertain).any(|n| copies(n) == 1), "no lost reply");
    let order: Vec<_> = commits.iter().map(|commit| commit.writes()[0].path().id()).collect();
    assert!(!order.is_sorted_by_key(|id| id.parse::<u32>().unwrap()), "no late commit");
}

#[test]
fn quiet_stops_drawing_until_told_to_resume() {
    let rates = Rates { fail: 1.0, ..Rates::default() };
    let broken = broken(&Scripted::default(), |layer| layer.on(Operation::BatchGet, rates));
    assert!(broken.get().is_err());
    broken.commit(create()).unwrap();
    broken.faults.quiet();
    assert!(broken.get().is_ok());
    broken.faults.resume();
    assert!(broken.get().is_err());
}

#[test]
fn the_seed_is_told_wherever_a_failing_test_prints() {
    let layer = FaultLayer::new(4_711, Arc::new(ManualClock::new()));
    assert!(format!("{layer:?} {:?}", layer.handle()).matches("seed: 4711").count() == 2);
    let store = Box::new(layer).wrap(Scripted::default().arc());
    assert!(format!("{store:?}").contains("seed: 4711"));
}
