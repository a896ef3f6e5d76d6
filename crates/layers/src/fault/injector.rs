//! Decides which fault strikes when.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fastrand::Rng;
use firekeep_core::{Clock, Commit, Cx, ErrorKind, Operation, Result, Store};
use parking_lot::Mutex;

use super::late::Late;
use super::rates::{self, Fault, Plan};

/// The state of a fault layer: one per store, shared with the handles.
pub(super) struct Injector {
    seed: u64,
    clock: Arc<dyn Clock>,
    plan: OnceLock<Plan>,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    is_quiet: bool,
    injected: u64,
    /// Calls of any operation.
    ticks: u64,
    /// Calls, then stream events, by operation.
    counts: [[u64; Operation::ALL.len()]; 2],
    script: Vec<Line>,
    late: Vec<Late>,
}

/// A scripted fault: strikes when its count is reached.
struct Line {
    operation: Operation,
    at: u64,
    fault: Fault,
}

/// A fault that strikes now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Injection {
    pub(super) fault: Fault,
    /// With which kind of error, if an answer is lost.
    pub(super) lost: ErrorKind,
}

/// What is decided about a call.
pub(super) struct Entered {
    pub(super) injection: Option<Injection>,
    /// Whether late commits must go through first.
    pub(super) late_is_due: bool,
}

impl Injector {
    pub(super) fn new(seed: u64, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            rng: Rng::with_seed(seed),
            is_quiet: false,
            injected: 0,
            ticks: 0,
            counts: Default::default(),
            script: Vec::new(),
            late: Vec::new(),
        };
        Self { seed, clock, plan: OnceLock::new(), state: Mutex::new(state) }
    }

    /// Takes the plan to draw by; before that only scripted faults strike.
    pub(super) fn install(&self, plan: Plan) {
        // A layer is wrapped around one store, so there is one plan.
        self.plan.get_or_init(|| plan);
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Counts a call and decides about it.
    pub(super) fn enter(&self, operation: Operation) -> Entered {
        let mut state = self.state.lock();
        state.ticks += 1;
        let now = state.ticks;
        let late_is_due = state.late.iter().any(|late| late.due <= now);
        let fault = state.next(self.plan.get(), operation, false);
        let injection = fault.map(|fault| state.inject(fault));
        Entered { injection, late_is_due }
    }

    /// Counts an event of a stream and decides about it.
    pub(super) fn event(&self, operation: Operation) -> Option<Fault> {
        let mut state = self.state.lock();
        let fault = state.next(self.plan.get(), operation, true)?;
        Some(state.inject(fault).fault)
    }

    /// Waits on the clock, at most until the call's deadline.
    pub(super) async fn wait(&self, cx: &Cx, operation: Operation, delay: Duration) -> Result<()> {
        let now = self.clock.monotonic();
        let left = cx.deadline().map(|deadline| deadline.saturating_duration_since(now));
        match left {
            Some(left) if left < delay => {
                self.clock.sleep(left).await;
                Err(rates::lost(operation, ErrorKind::DeadlineExceeded))
            }
            _ => {
                self.clock.sleep(delay).await;
                Ok(())
            }
        }
    }

    /// Plans `fault` for the `nth` call or event from now on that no earlier script has taken.
    pub(super) fn script(&self, operation: Operation, nth: Option<u64>, fault: Fault) {
        let mut state = self.state.lock();
        let events = fault.strikes_events();
        let count = state.counts[usize::from(events)][operation as usize];
        let same =
            |line: &&Line| line.operation == operation && line.fault.strikes_events() == events;
        let last = state.script.iter().filter(same).map(|line| line.at).max();
        let at = match nth {
            Some(nth) => count + nth.max(1),
            None => last.unwrap_or(count).max(count) + 1,
        };
        state.script.push(Line { operation, at, fault });
    }

    pub(super) fn set_quiet(&self, is_quiet: bool) {
        let mut state = self.state.lock();
        state.is_quiet = is_quiet;
        if is_quiet {
            state.script.clear();
        }
    }

    pub(super) fn injected(&self) -> u64 {
        self.state.lock().injected
    }

    pub(super) fn late_count(&self) -> usize {
        self.state.lock().late.len()
    }

    /// Keeps a commit back until `calls` further calls were made.
    pub(super) fn defer(&self, store: Arc<dyn Store>, commit: Commit, calls: u32) {
        let mut state = self.state.lock();
        let due = state.ticks + u64::from(calls.max(1));
        state.late.push(Late { due, store, commit });
    }

    /// Lets the late commits through whose time has come.
    pub(super) async fn deliver_due(&self) {
        let now = self.state.lock().ticks;
        self.deliver(now).await;
    }

    /// Lets all late commits through; answers how many there were.
    pub(super) async fn deliver_all(&self) -> usize {
        self.deliver(u64::MAX).await
    }

    async fn deliver(&self, now: u64) -> usize {
        let mut delivered = 0;
        while let Some(late) = self.take_late(now) {
            late.deliver().await;
            delivered += 1;
        }
        delivered
    }

    /// Takes the late commit that has been due the longest.
    fn take_late(&self, now: u64) -> Option<Late> {
        let mut state = self.state.lock();
        let due = state.late.iter().enumerate().filter(|(_, late)| late.due <= now);
        let (first, _) = due.min_by_key(|(at, late)| (late.due, *at))?;
        Some(state.late.remove(first))
    }
}

impl State {
    /// The fault of the next call or event, scripted or else drawn.
    fn next(&mut self, plan: Option<&Plan>, operation: Operation, event: bool) -> Option<Fault> {
        let count = &mut self.counts[usize::from(event)][operation as usize];
        *count += 1;
        let now = *count;
        let due = self.script.iter().position(|line| {
            line.operation == operation && line.at == now && line.fault.strikes_events() == event
        });
        if let Some(due) = due {
            return Some(self.script.remove(due).fault);
        }
        let plan = plan.filter(|_| !self.is_quiet)?;
        if event {
            plan.draw_event(&mut self.rng, operation)
        } else {
            plan.draw_call(&mut self.rng, operation)
        }
    }

    fn inject(&mut self, fault: Fault) -> Injection {
        self.injected += 1;
        let late = self.rng.bool();
        let lost = if late { ErrorKind::DeadlineExceeded } else { ErrorKind::Unavailable };
        Injection { fault, lost }
    }
}

impl fmt::Debug for Injector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Injector")
            .field("seed", &self.seed)
            .field("calls", &state.ticks)
            .field("injected", &state.injected)
            .field("late", &state.late.len())
            .finish_non_exhaustive()
    }
}
