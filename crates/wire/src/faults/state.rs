//! What is decided, and what that depends on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use super::contention::Contention;
use super::dice;
use super::fault::{Fault, Length};
use super::kind::{FaultKind, Moment};
use super::late::Late;
use super::limits::{DocumentRates, Ramps};
use super::message::{Asked, collection_of};
use super::method::Method;
use super::plan::{FaultPlan, ProjectFaults};
use super::script::Script;
use super::struck::Log;

/// Everything that a server's faults hang together by.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) seed: u64,
    pub(super) plan: FaultPlan,
    pub(super) script: Script,
    pub(super) log: Log,
    pub(super) projects: HashMap<String, Project>,
    /// How many writes were late so far.
    pub(super) lates: u64,
}

/// What has happened in a project since its plan was set.
#[derive(Debug, Default)]
pub(super) struct Project {
    calls: HashMap<Method, u64>,
    /// Calls of any method.
    ticks: u64,
    pub(super) late: Vec<Late>,
    documents: DocumentRates,
    ramps: Ramps,
    pub(super) contention: Contention,
}

/// A fault that strikes now.
#[derive(Clone, Debug)]
pub(super) struct Strike {
    pub(super) kind: FaultKind,
    /// How long it lasts, if it does.
    pub(super) time: Duration,
    /// After how many calls, unless it is after that time.
    pub(super) calls: Option<u32>,
    /// What the client reads.
    pub(super) message: String,
    /// The delay that the server asks for.
    pub(super) retry_after: Option<Duration>,
}

/// Which call it is, and what strikes the call as such.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) call: u64,
    pub(super) strike: Option<Strike>,
    /// The count at which late writes are due that must go through before.
    pub(super) ticks: u64,
    pub(super) rng: Rng,
    /// Whether it must be noted which documents transactions touch.
    pub(super) tracks: bool,
}

impl State {
    /// Whether nothing can strike, and nothing is late.
    pub(super) fn is_idle(&self) -> bool {
        let quiet = FaultPlan { seed: self.plan.seed, ..FaultPlan::default() };
        let nothing_late = self.projects.values().all(|project| project.late.is_empty());
        self.plan == quiet && self.script.is_empty() && nothing_late
    }

    /// Counts the calls of `project` from 1 again; of all if `None`. Late writes stay late.
    pub(super) fn restart(&mut self, project: Option<&str>) {
        for (name, of) in &mut self.projects {
            if project.is_none_or(|project| project == name) {
                let late = std::mem::take(&mut of.late);
                *of = Project { late, ticks: of.ticks, ..Project::default() };
            }
        }
    }

    pub(super) fn faults(&self, project: &str) -> ProjectFaults {
        self.plan.projects.get(project).cloned().unwrap_or_else(|| self.plan.all())
    }

    /// The seed of what is drawn.
    pub(super) fn drawn_from(&self) -> u64 {
        self.plan.seed.unwrap_or(self.seed)
    }

    /// Counts a call of a stream whose opening is not decided about.
    pub(super) fn number(&mut self, project: &str, method: Method) -> u64 {
        let project = self.projects.entry(project.to_owned()).or_default();
        project.ticks += 1;
        let call = project.calls.entry(method).or_default();
        *call += 1;
        *call
    }

    /// Counts a call and decides about it.
    pub(super) fn enter(
        &mut self,
        project: &str,
        method: Method,
        request: &impl Asked,
        now: Instant,
    ) -> Decided {
        let call = self.number(project, method);
        let mut rng = dice::of_call(self.drawn_from(), project, method, call);
        let faults = self.faults(project);
        let drawn = dice::pick(&mut rng, &faults.rates(method, Moment::Call));
        let scripted = self.script.count(project, method, Moment::Call);
        let fault = scripted.or(drawn.map(|(kind, rate)| Fault { kind, length: rate.length }));
        let is_lost = fault.as_ref().is_some_and(|fault| {
            fault.kind.code().is_some() || fault.kind == FaultKind::LoseRequest
        });
        let of = self.projects.entry(project.to_owned()).or_default();
        let ticks = of.ticks;
        let limited = if is_lost { None } else { of.limit(&faults, method, request, now) };
        let fault = limited.map(Fault::new).or(fault);
        let strike = fault.map(|fault| self.strike(fault, (project, method, call), None, &mut rng));
        Decided { call, strike, ticks, rng, tracks: faults.contention }
    }

    /// Counts a part of an answer and decides about it.
    pub(super) fn part(
        &mut self,
        project: &str,
        method: Method,
        call: u64,
        part: u64,
        moment: Moment,
        rng: &mut Rng,
    ) -> Option<Strike> {
        let faults = self.faults(project);
        let drawn = dice::pick(rng, &faults.rates(method, moment));
        let scripted = self.script.count(project, method, moment);
        let fault = scripted.or(drawn.map(|(kind, rate)| Fault { kind, length: rate.length }))?;
        Some(self.strike(fault, (project, method, call), Some(part), rng))
    }

    /// Draws what is left open, and writes it down.
    fn strike(
        &mut self,
        Fault { kind, length }: Fault,
        (project, method, call): (&str, Method, u64),
        part: Option<u64>,
        rng: &mut Rng,
    ) -> Strike {
        self.log.note(kind, project, method, call, part);
        let part = part.map(|part| format!(", part {part}")).unwrap_or_default();
        let seed = self.drawn_from();
        let message =
            format!("injected fault: {kind} ({method} {call}{part} of {project}, seed {seed})");
        tracing::debug!(fault = kind.name(), method = method.name(), call, "a fault strikes");
        let calls = match (kind, length) {
            (FaultKind::Late, Length::Calls(least, most)) => Some(rng.u32(least..=most)),
            (FaultKind::Late, Length::Default) => Some(rng.u32(LATE)),
            _ => None,
        };
        let time = length.time(rng, SHORTEST, LONGEST);
        let asks = kind.code().is_some() && length != Length::Default;
        Strike { kind, time, calls, message, retry_after: asks.then_some(time) }
    }

    /// The number of a write that is late from now on, and at which count of calls it is due.
    pub(super) fn late(&mut self, project: &str, calls: Option<u32>) -> (u64, Option<u64>) {
        self.lates += 1;
        let ticks = self.projects.get(project).map_or(0, |project| project.ticks);
        (self.lates, calls.map(|calls| ticks + u64::from(calls.max(1))))
    }
}

impl Project {
    pub(super) fn calls(&self, method: Method) -> u64 {
        self.calls.get(&method).copied().unwrap_or(0)
    }

    /// Which limit a call is beyond.
    fn limit(
        &mut self,
        faults: &ProjectFaults,
        method: Method,
        request: &impl Asked,
        now: Instant,
    ) -> Option<FaultKind> {
        if faults.contention && self.contends(method, request, now) {
            return Some(FaultKind::Contention);
        }
        if let Some(base) = faults.ramp {
            let mut counts: HashMap<String, f64> = HashMap::new();
            let named = request.reads().into_iter().chain(request.writes());
            let named = named.map(|document| collection_of(document).to_owned());
            for collection in named.chain(request.collection()) {
                *counts.entry(collection).or_default() += 1.0;
            }
            // All are counted, whether or not one is refused.
            counts.retain(|of, count| !self.ramps.admit(of, *count, base, now));
            if !counts.is_empty() {
                return Some(FaultKind::Ramp);
            }
        }
        let rate = faults.document_rate?;
        let admitted = self.documents.admit(&request.writes(), rate, now);
        (!admitted).then_some(FaultKind::DocumentRate)
    }

    /// Notes what a call touches in its transaction; whether that is to fail.
    fn contends(&mut self, method: Method, request: &impl Asked, now: Instant) -> bool {
        let txn = request.transaction();
        if txn.is_empty() {
            return false;
        }
        match method {
            Method::Commit => self.contention.end(&txn, &request.writes(), now),
            Method::Rollback => {
                self.contention.end(&txn, &[], now);
                false
            }
            _ => {
                self.contention.touch(&txn, request.reads(), now);
                false
            }
        }
    }

    /// Notes that `txn` was told of `document`.
    pub(super) fn told(&mut self, txn: &Bytes, document: &str, now: Instant) {
        self.contention.touch(txn, [document], now);
    }
}

/// After how many calls late writes go through where the plan does not say.
const LATE: std::ops::RangeInclusive<u32> = 1..=16;
/// How long delays are where the plan does not say.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(2);
