//! Runs the suite over one store, as a test binary of its own.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Once};
use std::time::Duration;

use firekeep_core::Db;
use futures::FutureExt;
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

/// Runs every case on the database that `source` makes, with the command line's filters.
///
/// `harness` names the backend in `deviations`, the text of a `conformance.toml` (empty for a
/// backend that has none). A case whose needs are not met is ignored and says so. Nothing is
/// retried.
pub fn run<F, Fut>(harness: &'static str, source: F, deviations: &str) -> Conclusion
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Source>,
{
    run_with(Arguments::from_args(), harness, source, deviations)
}

/// As [`run`], with `arguments` instead of the command line's.
pub fn run_with<F, Fut>(
    mut arguments: Arguments,
    harness: &'static str,
    source: F,
    deviations: &str,
) -> Conclusion
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Source>,
{
    // A case mostly waits, on the emulator for seconds where transactions collide.
    arguments.test_threads.get_or_insert(CASES_AT_ONCE);
    let runtime = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => return libtest_mimic::run(&arguments, vec![broken(error.to_string())]),
    };
    let source = runtime.block_on(source());
    let known: BTreeSet<_> = cases().iter().map(|case| case.name).collect();
    let trials = match (source, Deviations::parse(deviations, &known)) {
        (_, Err(why)) | (Source::Missing(why), _) => vec![broken(why)],
        (Source::Skip(why), _) => cases().iter().map(|case| ignored(case, &why)).collect(),
        (Source::Ready(db), Ok(deviations)) => cases()
            .into_iter()
            .map(|case| {
                let deviation = deviations.find(case.name, harness).cloned();
                trial(case, db.clone(), deviation, Arc::clone(&runtime))
            })
            .collect(),
    };
    libtest_mimic::run(&arguments, trials)
}

fn broken(why: String) -> Trial {
    Trial::test("the harness has a store", move || Err(Failed::from(why)))
}

fn ignored(case: &Case, why: &str) -> Trial {
    let why = why.to_owned();
    Trial::ignorable_test(case.name, move || Ok(Completion::ignored_with(why)))
}

fn trial(case: Case, db: Db, deviation: Option<Deviation>, runtime: Arc<Runtime>) -> Trial {
    let capabilities = db.store().capabilities();
    let missing: Vec<_> =
        case.needs.iter().filter(|need| !capabilities.has(**need)).map(|n| n.name()).collect();
    if !missing.is_empty() {
        return ignored(&case, &format!("the store lacks {}", missing.join(", ")));
    }
    Trial::ignorable_test(case.name, move || {
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
    let run = AssertUnwindSafe((case.run)(Ctx::new(db))).catch_unwind();
    match tokio::time::timeout(LONGEST, run).await {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(panic)) => Outcome::Failed(message_of(panic.as_ref())),
        Err(_) => Outcome::Failed(format!("not finished after {} seconds", LONGEST.as_secs())),
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps where the last panic of this thread came from, which a caught panic does not tell.
fn record_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            LAST_PANIC.set(info.location().map(ToString::to_string));
            // A panic outside of the threads that run cases is printed as ever.
            if std::thread::current().name().is_some_and(|name| name.starts_with("tokio")) {
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
        let other = judge(failed("8 rows"), Some(&line())).unwrap_err();
        assert!(other.message().unwrap().contains("adjust that line"));
        let mended = judge(Outcome::Passed, Some(&line())).unwrap_err();
        assert!(mended.message().unwrap().contains("remove that line"));
    }
}
