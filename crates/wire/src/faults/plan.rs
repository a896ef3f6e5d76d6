//! What strikes whom, and how often.

use std::collections::BTreeMap;
use std::fmt;

use firekeep_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize};

use super::fault::{Fault, Rate};
use super::kind::{FaultKind, Moment};
use super::method::Method;

/// The faults of a server: those of all projects, and those of some.
///
/// As JSON or TOML, or in short as [`FromStr`](std::str::FromStr) reads it:
///
/// ```
/// use firekeep_wire::FaultPlan;
/// let short = "seed=7; commit:unavailable=0.05,lose-reply=0.02; listen:cut=0.01; *:delay=0.1@1ms..20ms; other/document-rate=1";
/// let plan: FaultPlan = short.parse()?;
/// let long = r#"{
///   "seed": 7,
///   "methods": {
///     "Commit": { "unavailable": 0.05, "lose-reply": 0.02 },
///     "Listen": { "cut": 0.01 },
///     "*": { "delay": "0.1@1ms..20ms" }
///   },
///   "projects": { "other": { "document-rate": 1 } }
/// }"#;
/// assert_eq!(FaultPlan::from_json(long)?, plan);
/// # Ok::<(), firekeep_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultPlan {
    /// What is drawn from; the server's own seed if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// By method, or `*` for all that the fault can strike; a method's own rate goes first.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub methods: BTreeMap<String, BTreeMap<FaultKind, Rate>>,
    /// See [`ProjectFaults::contention`].
    pub contention: bool,
    /// See [`ProjectFaults::document_rate`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_rate: Option<f64>,
    /// See [`ProjectFaults::ramp`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<f64>,
    /// The faults of single projects, instead of all of those above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<String, ProjectFaults>,
}

/// The faults of a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProjectFaults {
    /// By method, or `*` for all that the fault can strike; a method's own rate goes first.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub methods: BTreeMap<String, BTreeMap<FaultKind, Rate>>,
    /// Whether a transaction's commit fails with ABORTED if another transaction that is not over
    /// has touched one of its documents. Whoever failed is over, so that one of two gets through.
    pub contention: bool,
    /// How often per second a document may be written, on an average of ten seconds; beyond that
    /// ABORTED. Production's is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_rate: Option<f64>,
    /// How many operations per second a collection may begin with; beyond that
    /// RESOURCE_EXHAUSTED. Every five minutes it may become half as much again as it was on the
    /// average of the five minutes before. Production's is 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<f64>,
}

impl FaultPlan {
    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// `InvalidArgument`, which names the place and the bound.
    pub fn from_json(text: &str) -> Result<Self> {
        read(&mut serde_json::Deserializer::from_str(text))
    }

    /// The plan as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads a plan from TOML.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_toml(text: &str) -> Result<Self> {
        read(toml::Deserializer::parse(text).map_err(|error| malformed(error.message()))?)
    }

    /// # Errors
    /// What no server can do: rates beyond 1 together, faults that can't strike a method.
    pub(super) fn check(&self) -> Result<()> {
        self.all().check("")?;
        self.projects.iter().try_for_each(|(name, faults)| faults.check(&format!("{name}/")))
    }

    /// The faults of the projects that have none of their own.
    pub(super) fn all(&self) -> ProjectFaults {
        ProjectFaults {
            methods: self.methods.clone(),
            contention: self.contention,
            document_rate: self.document_rate,
            ramp: self.ramp,
        }
    }

    /// Takes `faults` for the projects that have none of their own.
    pub(super) fn set_all(&mut self, faults: ProjectFaults) {
        self.methods = faults.methods;
        self.contention = faults.contention;
        self.document_rate = faults.document_rate;
        self.ramp = faults.ramp;
    }
}

impl ProjectFaults {
    fn check(&self, place: &str) -> Result<()> {
        for (method, rates) in &self.methods {
            let path = |kind: &str| format!("{place}{method}:{kind}");
            let named = method != ALL;
            let methods =
                if named { vec![method.parse::<Method>()?] } else { Method::ALL.to_vec() };
            for (kind, rate) in rates {
                Fault { kind: *kind, length: rate.length }.check()?;
                if !methods.iter().any(|method| kind.moment(*method).is_some()) {
                    let refusal = Error::invalid("a fault of this kind can't strike this method");
                    return Err(refusal.at_path(path(kind.name())));
                }
            }
        }
        for method in Method::ALL {
            for moment in [Moment::Call, Moment::Message, Moment::Event, Moment::Resume] {
                let sum: f64 = self.rates(method, moment).iter().map(|(_, rate)| rate.rate).sum();
                if sum > 1.0 + 1e-9 {
                    let refusal = Error::invalid(
                        "faults that exclude each other have rates above 1 together",
                    );
                    return Err(refusal.at_path(format!("{place}{method}")));
                }
            }
        }
        let positive = |name: &str, rate: Option<f64>| match rate {
            Some(rate) if !(rate.is_finite() && rate > 0.0) => {
                Err(Error::invalid("a limit must be above 0 per second")
                    .at_path(format!("{place}{name}")))
            }
            _ => Ok(()),
        };
        positive("document-rate", self.document_rate)?;
        positive("ramp", self.ramp)
    }

    /// What is drawn from at a moment of a call of `method`, in a fixed order.
    pub(super) fn rates(&self, method: Method, moment: Moment) -> Vec<(FaultKind, Rate)> {
        let mut rates = BTreeMap::new();
        let named = |name: &&String| name.parse::<Method>().is_ok_and(|named| named == method);
        let own = self.methods.iter().filter(|(name, _)| named(name));
        let every = self.methods.get(ALL).into_iter();
        for (kind, rate) in every.chain(own.map(|(_, rates)| rates)).flatten() {
            if kind.moment(method) == Some(moment) {
                rates.insert(*kind, *rate);
            }
        }
        rates.into_iter().collect()
    }
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FaultPlan>
where
    D::Error: fmt::Display,
{
    let plan: FaultPlan = serde_path_to_error::deserialize(deserializer)
        .map_err(|error| malformed(error.inner()).at_path(error.path().to_string()))?;
    plan.check()?;
    Ok(plan)
}

fn malformed(why: impl fmt::Display) -> Error {
    Error::invalid(format!("the plan of faults is malformed: {why}"))
}

/// What stands for every method.
pub(super) const ALL: &str = "*";
