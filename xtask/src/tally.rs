//! What test programs say at their end, summed up.

use std::fmt;

/// The sum over the test programs that ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    programs: u64,
    passed: u64,
    failed: u64,
    /// Skipped for want of a backend; each says why in its own output.
    skipped: u64,
    /// What programs with failures say about them, so that nobody has to search for it.
    reports: Vec<String>,
    /// Whether the lines are those of such a report.
    is_report: bool,
}

/// The longest report that is repeated, in lines.
const MAX_REPORT: usize = 200;

impl Tally {
    /// What was said of the tests that failed, in the programs' own words; empty if none did.
    pub(crate) fn failures(&self) -> String {
        self.reports.join("\n")
    }

    /// Takes account of one line of output: of a program's last, `test result: ok. 3 passed; 0
    /// failed; 1 ignored; …`, and of those from `failures:` on.
    pub(crate) fn read(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            self.is_report |= line.trim_end() == "failures:";
            if self.is_report && self.reports.len() < MAX_REPORT {
                self.reports.push(line.to_owned());
            }
            return;
        };
        self.is_report = false;
        let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
        self.programs += 1;
        for part in counts.split("; ") {
            let Some((number, what)) = part.split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { programs, passed, failed, skipped, .. } = self;
        write!(
            f,
            "{passed} tests passed, {failed} failed, {skipped} skipped, in {programs} programs"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed_up_and_other_lines_passed_over() {
        let mut tally = Tally::default();
        for line in [
            "running 2 tests",
            "test result: ok. 0 passed; 0 failed; 0 ignored",
            "failures:",
            "---- a::b stdout ----",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            tally.read(line);
        }
        assert_eq!(tally.to_string(), "4 tests passed, 2 failed, 1 skipped, in 3 programs");
        assert_eq!(tally.failures(), "failures:\n---- a::b stdout ----");
    }
}
