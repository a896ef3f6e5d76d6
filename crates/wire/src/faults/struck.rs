//! What has struck.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::kind::FaultKind;
use super::method::Method;

/// A fault that struck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Struck {
    /// The project.
    pub project: String,
    /// The method's name in the protocol.
    pub method: &'static str,
    /// Which call of the method in the project it was, from 1 on, since the plan was set.
    pub call: u64,
    /// Which message, or event or target of the call's answer, from 1 on; `None` for the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u64>,
    /// The kind's name.
    pub fault: FaultKind,
}

/// Counts of what struck, and the last of it.
#[derive(Debug, Default)]
pub(super) struct Log {
    counts: BTreeMap<FaultKind, u64>,
    last: VecDeque<Struck>,
}

impl Log {
    pub(super) fn note(
        &mut self,
        fault: FaultKind,
        project: &str,
        method: Method,
        call: u64,
        part: Option<u64>,
    ) {
        *self.counts.entry(fault).or_default() += 1;
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        let (project, method) = (project.to_owned(), method.name());
        self.last.push_back(Struck { project, method, call, part, fault });
    }

    pub(super) fn counts(&self) -> BTreeMap<FaultKind, u64> {
        self.counts.clone()
    }

    pub(super) fn last(&self) -> Vec<Struck> {
        self.last.iter().cloned().collect()
    }
}

/// How many of the last are kept.
const KEPT: usize = 1000;
