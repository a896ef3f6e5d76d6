//! One fault, as a patch with a head that says what it is and who should notice.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace;

/// A fault to seed.
#[derive(Debug)]
pub(crate) struct Mutant {
    /// The patch's file name without its ending.
    pub(crate) name: String,
    /// What is wrong, in a sentence: the patch's first line.
    pub(crate) fault: String,
    /// The test programs to try, in this order: the line that begins with `Tests:`.
    pub(crate) tests: Vec<String>,
    pub(crate) patch: PathBuf,
}

/// Every mutant, by name.
pub(crate) fn all() -> Result<Vec<Mutant>> {
    let folder = workspace::root().join("crates/lock/mutants");
    let mut mutants = Vec::new();
    for entry in std::fs::read_dir(&folder).context("can't list crates/lock/mutants")? {
        let patch = entry?.path();
        if patch.extension().is_some_and(|extension| extension == "patch") {
            let text = std::fs::read_to_string(&patch)?;
            let mutant = read(patch, &text);
            mutants.push(mutant.context("a mutant begins with its fault, then `Tests: NAME…`")?);
        }
    }
    mutants.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mutants)
}

fn read(patch: PathBuf, text: &str) -> Option<Mutant> {
    let name = patch.file_stem()?.to_str()?.to_owned();
    let (head, _) = text.split_once("\n--- ")?;
    let fault = head.lines().next().filter(|fault| !fault.is_empty())?.to_owned();
    let tests = head.lines().find_map(|line| line.strip_prefix("Tests:"))?;
    let tests: Vec<_> = tests.split_whitespace().map(str::to_owned).collect();
    (!tests.is_empty()).then_some(Mutant { name, fault, tests, patch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_what_is_wrong_and_who_should_notice() {
        let text = "Does harm.\nTests: simulation cancel\n\n--- a/x\n+++ b/x\n";
        let mutant = read("m/harm.patch".into(), text).unwrap();
        assert_eq!((mutant.name.as_str(), mutant.fault.as_str()), ("harm", "Does harm."));
        assert_eq!(mutant.tests, ["simulation", "cancel"]);
        for bad in ["Tests: x\n", "Does harm.\n\n--- a/x\n", "Does harm.\nTests:\n\n--- a/x\n"] {
            assert!(read("m/bad.patch".into(), bad).is_none(), "{bad}");
        }
    }
}
