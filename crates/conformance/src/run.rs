//! Runs the suite over one store, as a test binary of its own.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Once};
use std::time::Duration;

use firekeep_core::Db;
use futures::FutureExt;
use futures::future::BoxFuture;
use libtest_mimic::{Arguments, Completion, Conclusion, Failed, Trial};
use tokio::runtime::{Builder, Runtime};

use crate::deviation::{Deviation, Deviations};
use crate::{Case, Ctx, cases};

/// What a harness runs the suite on.
#[derive(Debug)]
pub enum Source {
    /// A database to run on.
    Ready(Db),
    /// None, which is fine: every case is ignored, with this reason.
    Skip(String),
    /// None, which is not: the run fails with this reason.
    Missing(String),
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The fact holds.
    Passed,
    /// It does not; the message and where it came from.
    Failed(String),
}

/// One store that the suite runs on.
pub struct Harness {
    name: &'static str,
    source: BoxFuture<'static, Source>,
    deviations: &'static str,
}

impl Harness {
    /// A harness that runs on the database that `source` answers. `name` is what `backend` says in
    /// a `conformance.toml`.
    pub fn new(name: &'static str, source: impl Future<Output = Source> + Send + 'static) -> Self {
        Self { name, source: source.boxed(), deviations: "" }
    }

    /// The text of the `conformance.toml` that lists the store's deviations; none without it.
    #[must_use]
    pub fn deviations(mut self, text: &'static str) -> Self {
        self.deviations = text;
        self
    }

    /// The trials of this harness, run on `runtime`, their names led by `prefix`.
    fn trials(self, runtime: &Arc<Runtime>, prefix: &str) -> Vec<Trial> {
        let source = runtime.block_on(self.source);
        let known: BTreeSet<_> = cases().iter().map(|case| case.name).collect();
        match (source, Deviations::parse(self.deviations, &known)) {
            (_, Err(why)) | (Source::Missing(why), _) => vec![broken(prefix, why)],
            (Source::Skip(why), _) => {
                cases().iter().map(|case| ignored(case, prefix, &why)).collect()
            }
            (Source::Ready(db), Ok(deviations)) => cases()
                .into_iter()
                .map(|case| {
                    let deviation = deviations.find(case.name, self.name).cloned();
                    trial(case, prefix, db.clone(), deviation, Arc::clone(runtime))
                })
                .collect(),
        }
    }
}

impl fmt::Debug for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Runs every case on one store, with the command line's filters.
///
/// A case whose needs are not met is ignored and says so, and so does one that deviates just as
/// listed. Nothing is retried.
pub fn run(harness: Harness) -> Conclusion {
    start(|runtime| harness.trials(runtime, ""))
}

/// As [`run`], on several stores in one binary; the cases' names start with the harness's.
pub fn run_each(harnesses: impl IntoIterator<Item = Harness>) -> Conclusion {
    start(|runtime| {
        let trials = harnesses.into_iter().map(|harness| {
            let prefix = format!("{}: ", harness.name);
            harness.trials(runtime, &prefix)
        });
        trials.flatten().collect()
    })
}

fn start(trials: impl FnOnce(&Arc<Runtime>) -> Vec<Trial>) -> Conclusion {
    let mut arguments = Arguments::from_args();
    // A case mostly waits, on the emulator for seconds where transactions collide.
    arguments.test_threads.get_or_insert(CASES_AT_ONCE);
    let trials = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => trials(&Arc::new(runtime)),
        Err(error) => vec![broken("", error.to_string())],
    };
    libtest_mimic::run(&arguments, trials)
}

fn broken(prefix: &str, why: String) -> Trial {
    Trial::test(format!("{prefix}the harness has a store"), move || Err(Failed::from(why)))
}

fn ignored(case: &Case, prefix: &str, why: &str) -> Trial {
    let why = why.to_owned();
    Trial::ignorable_test(format!("{prefix}{}", case.name), move || {
        Ok(Completion::ignored_with(why))
    })
}

fn trial(
    case: Case,
    prefix: &str,
    db: Db,
    deviation: Option<Deviation>,
    runtime: Arc<Runtime>,
) -> Trial {
    let capabilities = db.store().capabilities();
    let missing: Vec<_> =
        case.needs.iter().filter(|need| !capabilities.has(**need)).map(|n| n.name()).collect();
    if !missing.is_empty() {
        return ignored(&case, prefix, &format!("the store lacks {}", missing.join(", ")));
    }
    Trial::ignorable_test(format!("{prefix}{}", case.name), move || {
        let outcome = runtime.block_on(outcome_of(case, db));
        judge(outcome, deviation.as_ref())
    })
}

fn judge(outcome: Outcome, deviation: Option<&Deviation>) -> Result<Completion, Failed> {
    match (outcome, deviation) {
        (Outcome::Passed, None) => Ok(Completion::Completed),
        (Outcome::Failed(message), None) => Err(message.into()),
        (Outcome::Passed, Some(_)) => {
            Err("passes, though conformance.toml lists it as a deviation: remove that line".into())
        }
        (Outcome::Failed(message), Some(line)) if message.contains(&line.wrong_outcome) => {
            Ok(Completion::ignored_with(format!("deviates as listed: {}", line.why)))
        }
        (Outcome::Failed(message), Some(line)) => Err(format!(
            "fails in another way than conformance.toml lists (`{}`): adjust that line\n{message}",
            line.wrong_outcome
        )
        .into()),
    }
}

/// Runs one case on `db`, in a place of its own. Must be awaited on a tokio runtime with timers.
pub async fn outcome_of(case: Case, db: Db) -> Outcome {
    record_panics();
    let mut run = AssertUnwindSafe((case.run)(Ctx::new(db))).catch_unwind().boxed();
    let run = poll_fn(|task| {
        IN_CASE.set(true);
        let polled = run.poll_unpin(task);
        IN_CASE.set(false);
        polled
    });
    match tokio::time::timeout(LONGEST, run).await {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(panic)) => Outcome::Failed(message_of(panic.as_ref())),
        Err(_) => Outcome::Failed(format!("not finished after {} seconds", LONGEST.as_secs())),
    }
}

thread_local! {
    static IN_CASE: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps where a case's panic came from, which a caught panic does not tell, instead of printing
/// it: the failure's message has it. Other panics are printed as ever.
fn record_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if IN_CASE.get() {
                LAST_PANIC.set(info.location().map(ToString::to_string));
            } else {
                print(info);
            }
        }));
    });
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    let place = LAST_PANIC.take().unwrap_or_default();
    format!("{text}\n  at {place}")
}

const LONGEST: Duration = Duration::from_secs(60);
const CASES_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Deviation {
        Deviation {
            case: "a/b".into(),
            backend: "x".into(),
            wrong_outcome: "7 rows".into(),
            why: "known".into(),
        }
    }

    #[test]
    fn a_deviation_excuses_its_own_outcome_and_no_other() {
        let failed = |text: &str| Outcome::Failed(text.to_owned());
        assert!(matches!(judge(Outcome::Passed, None), Ok(Completion::Completed)));
        assert!(judge(failed("7 rows"), None).is_err());
        assert!(matches!(
            judge(failed("got 7 rows"), Some(&line())),
            Ok(Completion::Ignored { .. })
        ));
        let other = judge(failed("8 rows"), Some(&line())).err().unwrap();
        assert!(other.message().unwrap().contains("adjust that line"));
        let mended = judge(Outcome::Passed, Some(&line())).err().unwrap();
        assert!(mended.message().unwrap().contains("remove that line"));
    }
}
