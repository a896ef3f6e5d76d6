//! Where a backend is known to differ, and how exactly.

use std::collections::BTreeSet;

use serde::Deserialize;

/// A backend's known differences, as its `conformance.toml` lists them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviations {
    #[serde(default)]
    deviation: Vec<Deviation>,
}

/// One known difference. The case must fail with just this outcome: once the backend is mended,
/// or breaks in another way, the run turns red and the line has to go or change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// The name of the case.
    pub case: String,
    /// The harness that deviates.
    pub backend: String,
    /// What the failure's message contains.
    pub wrong_outcome: String,
    /// Why it deviates, and how that is known.
    pub why: String,
}

impl Deviations {
    /// Reads the text of a `conformance.toml`.
    ///
    /// # Errors
    /// What is wrong with it: its syntax, an unknown key, a case that `known` does not hold, a
    /// case listed twice for one backend, an empty outcome or reason.
    pub fn parse(text: &str, known: &BTreeSet<&str>) -> Result<Self, String> {
        let deviations: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut seen = BTreeSet::new();
        for line in &deviations.deviation {
            if !known.contains(line.case.as_str()) {
                return Err(format!("conformance.toml names an unknown case: `{}`", line.case));
            }
            if !seen.insert((&line.case, &line.backend)) {
                return Err(format!("conformance.toml lists `{}` twice", line.case));
            }
            if line.wrong_outcome.trim().is_empty() || line.why.trim().is_empty() {
                return Err(format!("conformance.toml says too little about `{}`", line.case));
            }
        }
        Ok(deviations)
    }

    /// The deviation of `backend` in `case`, if one is listed.
    pub fn find(&self, case: &str, backend: &str) -> Option<&Deviation> {
        self.deviation.iter().find(|line| line.case == case && line.backend == backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Deviations, String> {
        Deviations::parse(text, &BTreeSet::from(["a/b"]))
    }

    const LINE: &str =
        "[[deviation]]\ncase = 'a/b'\nbackend = 'x'\nwrong_outcome = 'o'\nwhy = 'w'\n";

    #[test]
    fn a_line_is_found_for_its_backend_only() {
        let deviations = parse(LINE).unwrap();
        assert_eq!(deviations.find("a/b", "x").unwrap().wrong_outcome, "o");
        assert!(deviations.find("a/b", "y").is_none());
        assert!(parse("").unwrap().find("a/b", "x").is_none());
    }

    #[test]
    fn a_line_that_excuses_nothing_or_too_much_is_refused() {
        for (text, rule) in [
            (LINE.replace("a/b", "a/gone"), "unknown case"),
            (LINE.repeat(2), "twice"),
            (LINE.replace("'o'", "' '"), "too little"),
            (LINE.replace("why", "because"), "unknown field"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(rule), "{error}");
        }
    }
}
