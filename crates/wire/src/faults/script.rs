//! Faults that strike at calls of their choice.

use super::fault::Fault;
use super::kind::Moment;
use super::method::Method;

/// A scripted fault.
#[derive(Clone, Debug)]
struct Line {
    /// `None` for whichever project it is.
    project: Option<String>,
    method: Method,
    moment: Moment,
    /// How many calls or messages from now on; 1 is the next.
    left: u64,
    fault: Fault,
}

/// What is still to strike.
#[derive(Debug, Default)]
pub(super) struct Script(Vec<Line>);

impl Script {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a fault for the `nth` call or message from now on, or for the first that no earlier one
    /// is scripted for.
    pub(super) fn add(
        &mut self,
        project: Option<&str>,
        method: Method,
        moment: Moment,
        nth: Option<u64>,
        fault: Fault,
    ) {
        let project = project.map(str::to_owned);
        let same = |line: &&Line| {
            line.method == method && line.moment == moment && line.project == project
        };
        let last = self.0.iter().filter(same).map(|line| line.left).max().unwrap_or(0);
        let left = nth.unwrap_or(last + 1).max(1);
        self.0.push(Line { project, method, moment, left, fault });
    }

    /// Counts a call or message, and takes the fault that is scripted for it.
    pub(super) fn count(&mut self, project: &str, method: Method, moment: Moment) -> Option<Fault> {
        let mut due = None;
        for (at, line) in self.0.iter_mut().enumerate() {
            let is_of = line.project.as_deref().is_none_or(|of| of == project);
            if is_of && line.method == method && line.moment == moment {
                line.left = line.left.saturating_sub(1);
                due = due.or((line.left == 0).then_some(at));
            }
        }
        Some(self.0.remove(due?).fault)
    }

    /// Forgets what is scripted for `project`; for all if `None`.
    pub(super) fn clear(&mut self, project: Option<&str>) {
        self.0.retain(|line| project.is_some() && line.project.as_deref() != project);
    }
}
