//! Which backends a test run may, must or can't use.

use crate::emulator::INSTALL;

/// Whether tests can use the emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Yes, at this address.
    At(String),
    /// No, and nobody asked for it; the reason to print.
    Skipped(String),
    /// No, though the run requires it; what to do about it.
    Missing(String),
}

/// Looks for the emulator in `FIRESTORE_EMULATOR_HOST`, and in `FIREKEEP_REQUIRE` for whether it
/// may be missing.
#[allow(clippy::disallowed_methods, reason = "tests are configured by environment, read here only")]
pub fn emulator() -> Availability {
    let read = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    decide(read(EMULATOR_HOST), read(REQUIRE).as_deref())
}

/// Whether `FIREKEEP_REQUIRE`, a list divided by commas, names `backend`.
#[allow(clippy::disallowed_methods, reason = "tests are configured by environment, read here only")]
pub fn is_required(backend: &str) -> bool {
    std::env::var(REQUIRE).is_ok_and(|list| names(&list, backend))
}

fn names(list: &str, backend: &str) -> bool {
    list.split(',').any(|name| name.trim() == backend)
}

fn decide(host: Option<String>, required: Option<&str>) -> Availability {
    match host {
        Some(host) => Availability::At(host),
        None if required.is_some_and(|list| names(list, "emulator")) => {
            Availability::Missing(format!(
                "{REQUIRE} lists the emulator, but {EMULATOR_HOST} is not set; \
                 `cargo xtask test` starts one. If it is not installed, {INSTALL}"
            ))
        }
        None => Availability::Skipped(format!(
            "{EMULATOR_HOST} is not set; `cargo xtask test` starts an emulator"
        )),
    }
}

/// The variable that names a running emulator, as all Firestore clients read it.
pub const EMULATOR_HOST: &str = "FIRESTORE_EMULATOR_HOST";
/// The variable that lists the backends which must not be missing.
pub const REQUIRE: &str = "FIREKEEP_REQUIRE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_emulator_is_a_failure_only_where_it_is_required() {
        assert_eq!(decide(Some("h:1".into()), Some("emulator")), Availability::At("h:1".into()));
        assert!(matches!(decide(None, None), Availability::Skipped(_)));
        assert!(matches!(decide(None, Some("memory")), Availability::Skipped(_)));
        let Availability::Missing(what) = decide(None, Some("memory, emulator")) else {
            panic!("a required emulator may not be skipped");
        };
        assert!(what.contains("cargo xtask test") && what.contains("gcloud components install"));
    }
}
