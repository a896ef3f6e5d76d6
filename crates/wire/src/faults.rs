//! What goes wrong on demand, so that clients meet it in tests and not in production.
//!
//! A fault is drawn by the rates of a plan, or scripted for one call. What is drawn depends on the
//! seed, the project, the method and the number of the call among the project's calls of the method,
//! and on nothing else: the same calls meet the same faults, however calls of other methods and
//! projects interleave. Faults lie around the handlers of calls, where a method is one call whatever
//! it makes of the store below, and where a connection can break that a store knows nothing of.

mod body;
mod contention;
mod dice;
mod door;
mod fault;
mod kind;
mod late;
mod limits;
mod listen;
mod message;
mod method;
mod plan;
mod reply;
mod script;
mod state;
mod stream;
mod struck;
mod text;
mod unary;
mod watch;
mod wreck;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use firekeep_core::{Error, Result};
use parking_lot::Mutex;

pub(crate) use self::body::cuttable;
pub use self::fault::{Fault, Rate};
pub use self::kind::FaultKind;
pub(crate) use self::message::{Asked, Told};
pub use self::method::Method;
pub use self::plan::{FaultPlan, ProjectFaults};
use self::state::State;
pub(crate) use self::stream::{both_streamed, streamed};
pub use self::struck::Struck;
pub(crate) use self::unary::unary;
pub(crate) use self::watch::watch;
pub(crate) use self::wreck::{Severed, Wreck};

/// The faults of a server, and what a test holds to direct them. Clones direct the same ones.
///
/// ```
/// use firekeep_wire::{Fault, FaultKind, Faults, Method};
/// let faults = Faults::new(7);
/// faults.set("listen:cut=0.01; *:unavailable=0.02".parse()?)?;
/// faults.next(Method::Commit, FaultKind::LoseReply);
/// # Ok::<(), firekeep_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Faults(Arc<Shared>);

struct Shared {
    /// Whether there is anything to decide. All that calls look at while there is not.
    is_active: AtomicBool,
    state: Mutex<State>,
}

impl Faults {
    /// No faults yet; plans without a seed draw from `seed`.
    pub fn new(seed: u64) -> Self {
        let state = State { seed, ..State::default() };
        Self(Arc::new(Shared { is_active: AtomicBool::new(false), state: Mutex::new(state) }))
    }

    /// What is drawn from at present.
    pub fn seed(&self) -> u64 {
        self.0.state.lock().drawn_from()
    }

    /// The plan at present.
    pub fn plan(&self) -> FaultPlan {
        self.0.state.lock().plan.clone()
    }

    /// Draws by `plan` from now on, and counts calls from 1 again. What is scripted stays.
    ///
    /// # Errors
    /// `InvalidArgument` for rates that no server can keep, with the place and the bound.
    pub fn set(&self, plan: FaultPlan) -> Result<()> {
        plan.check()?;
        self.change(|state| {
            state.plan = plan;
            state.restart(None);
        });
        Ok(())
    }

    /// As [`set`](Self::set), for one project.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_project(&self, project: &str, faults: ProjectFaults) -> Result<()> {
        let mut plan = self.plan();
        plan.projects.insert(project.to_owned(), faults);
        plan.check()?;
        self.change(|state| {
            state.plan = plan;
            state.restart(Some(project));
        });
        Ok(())
    }

    /// Forgets the plan and the script; those of `project` if one is given. Late writes still
    /// arrive, and what struck stays listed.
    pub fn clear(&self, project: Option<&str>) {
        self.change(|state| {
            match project {
                Some(project) => drop(state.plan.projects.remove(project)),
                None => state.plan = FaultPlan::default(),
            }
            state.script.clear(project);
            state.restart(project);
        });
    }

    /// Strikes the next call of `method` in any project, or the next message, event or resumption of
    /// any of its streams if that is what the fault strikes. Scripted several times, they strike
    /// one after the other. Scripted faults go before drawn ones.
    ///
    /// # Panics
    /// If the fault can't strike the method: a script that never comes true makes a test that can't
    /// fail.
    pub fn next(&self, method: Method, fault: impl Into<Fault>) {
        self.must(self.script(None, method, fault.into(), None));
    }

    /// Strikes the `nth` from now on, wherever [`next`](Self::next) would strike; 1 is the next.
    ///
    /// # Panics
    /// As [`next`](Self::next).
    pub fn nth(&self, method: Method, nth: u64, fault: impl Into<Fault>) {
        self.must(self.script(None, method, fault.into(), Some(nth)));
    }

    /// As [`next`](Self::next) or, with a number, [`nth`](Self::nth), in `project` alone if one is
    /// given.
    ///
    /// # Errors
    /// `InvalidArgument` if the fault can't strike the method.
    pub fn script(
        &self,
        project: Option<&str>,
        method: Method,
        fault: Fault,
        nth: Option<u64>,
    ) -> Result<()> {
        fault.check()?;
        let Some(moment) = fault.kind.moment(method) else {
            let refusal = Error::invalid("a fault of this kind can't strike this method");
            return Err(refusal.at_path(format!("{method}:{}", fault.kind)));
        };
        self.change(|state| state.script.add(project, method, moment, nth, fault));
        Ok(())
    }

    #[allow(clippy::unused_self, reason = "reads as the others do")]
    fn must(&self, scripted: Result<()>) {
        if let Err(error) = scripted {
            panic!("{error}");
        }
    }

    /// How often each kind has struck since the server began.
    pub fn counts(&self) -> BTreeMap<FaultKind, u64> {
        self.0.state.lock().log.counts()
    }

    /// What struck last, oldest first: at most 1,000 of them.
    pub fn struck(&self) -> Vec<Struck> {
        self.0.state.lock().log.last()
    }

    /// How many calls of `method` there were in `project` since the plan was set. Calls are counted
    /// while there is a plan, a script or a late write.
    pub fn calls(&self, project: &str, method: Method) -> u64 {
        self.0.state.lock().projects.get(project).map_or(0, |of| of.calls(method))
    }

    /// How many writes are late at present.
    pub fn late(&self) -> usize {
        self.0.state.lock().projects.values().map(|project| project.late.len()).sum()
    }

    /// Lets every late write arrive, those of each project in the order in which they were due.
    /// Answers how many there were.
    ///
    /// # Cancellation
    /// The write under way may be lost; the others stay late.
    pub async fn release_late(&self) -> usize {
        let mut projects: Vec<String> = self.0.state.lock().projects.keys().cloned().collect();
        projects.sort();
        let mut released = 0;
        for project in projects {
            released += self.deliver(&project, None).await;
        }
        released
    }

    /// The HTTP door to all this, below `/firekeep/v1/faults`.
    pub fn routes(&self) -> axum::Router {
        door::routes(self.clone())
    }

    /// What a call of `method` can break with, on the connection that `severed` closes. Streams without
    /// an end are met by faults that are thought of after they began.
    pub(crate) fn wreck(&self, method: Option<Method>, severed: Severed) -> Wreck {
        match method {
            Some(Method::Listen | Method::Write) => Wreck::new(severed),
            _ if self.is_active() => Wreck::new(severed),
            _ => Wreck::default(),
        }
    }

    /// Whether there is anything to decide.
    fn is_active(&self) -> bool {
        self.0.is_active.load(Ordering::Relaxed)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.state.lock();
        change(&mut state);
        self.0.is_active.store(!state.is_idle(), Ordering::Relaxed);
    }

    /// Lets late writes through that are due at `calls`; all if `None`.
    async fn deliver(&self, project: &str, calls: Option<u64>) -> usize {
        let mut delivered = 0;
        loop {
            let late = {
                let mut state = self.0.state.lock();
                state.projects.get_mut(project).and_then(|of| late::take(&mut of.late, calls))
            };
            let Some(late) = late else { return delivered };
            late.work.await;
            delivered += 1;
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("Faults")
            .field("seed", &state.drawn_from())
            .field("plan", &format_args!("{}", state.plan))
            .finish_non_exhaustive()
    }
}
