//! Both servers' answers side by side.

use std::fmt;

use super::client::Client;
use super::difference::{Difference, Listed};
use super::outcome::{END, Scenario, Step};

/// What was compared so far, scenario by scenario.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    rows: Vec<Row>,
}

/// One scenario of one client on both servers.
#[derive(Debug)]
struct Row {
    client: Client,
    scenario: String,
    steps: usize,
    /// How long it took on ours and on the official one, in milliseconds.
    took: [Option<u64>; 2],
    /// What ours does not do as production does.
    defects: Vec<Finding>,
    /// What the official one does not do as ours does.
    differences: Vec<Finding>,
}

#[derive(Debug)]
struct Finding {
    step: String,
    text: String,
}

impl Comparison {
    /// Compares what `client` saw on ours with what it saw on the official one.
    pub(super) fn add(&mut self, client: Client, ours: &[Scenario], theirs: &[Scenario]) {
        let mut names: Vec<_> = ours.iter().chain(theirs).map(|scenario| &scenario.name).collect();
        names.sort();
        names.dedup();
        for name in names {
            let find = |all: &[Scenario]| all.iter().find(|one| one.name == *name).cloned();
            self.rows.push(row(client, name, find(ours), find(theirs)));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What must not be: defects of ours, differences that are not listed, and listed ones that
    /// are none. Entries for clients and scenarios that did not run are not judged.
    pub(super) fn judge(&self, listed: &Listed, only: &str) -> Vec<String> {
        let mut found = vec![];
        for row in &self.rows {
            found.extend(row.defects.iter().map(|defect| row.say("a defect of ours", defect)));
            let unlisted = row
                .differences
                .iter()
                .filter(|difference| !listed.holds(row.client, &row.scenario, &difference.step));
            found.extend(unlisted.map(|difference| row.say("not listed", difference)));
        }
        let all = listed.differences.iter().flat_map(Difference::each);
        for (client, scenario, step) in all.filter(|(_, scenario, _)| scenario.contains(only)) {
            if self.ran(client) && !self.differs(client, scenario, step) {
                found.push(format!(
                    "{client} {scenario}, {step}: listed, but there is no such difference"
                ));
            }
        }
        found
    }

    fn ran(&self, client: Client) -> bool {
        self.rows.iter().any(|row| row.client == client)
    }

    fn differs(&self, client: Client, scenario: &str, step: &str) -> bool {
        let mut rows = self.rows.iter().filter(|r| r.client == client && r.scenario == scenario);
        rows.any(|row| row.differences.iter().any(|difference| difference.step == step))
    }
}

fn row(client: Client, name: &str, ours: Option<Scenario>, theirs: Option<Scenario>) -> Row {
    let (steps, took) = (
        ours.as_ref().map_or(0, |scenario| scenario.steps.len()),
        [&ours, &theirs].map(|scenario| scenario.as_ref().map(|one| one.milliseconds)),
    );
    let (defects, differences) = match (&ours, &theirs) {
        (Some(ours), Some(theirs)) => (defects(ours), differences(ours, theirs)),
        _ => (vec![Finding { step: END.into(), text: "it ran on one server only".into() }], vec![]),
    };
    Row { client, scenario: name.to_owned(), steps, took, defects, differences }
}

fn defects(ours: &Scenario) -> Vec<Finding> {
    ours.steps.iter().filter_map(not_as_expected).collect()
}

/// The steps that the official one took otherwise than production, or than ours. Those that it did
/// not get to are its last step's matter.
fn differences(ours: &Scenario, theirs: &Scenario) -> Vec<Finding> {
    let mut found: Vec<_> = theirs.steps.iter().filter_map(not_as_expected).collect();
    for step in &ours.steps {
        let text = match theirs.step(&step.name) {
            None if theirs.is_whole() => "the official one did not take it".to_owned(),
            Some(other) if both_hold(step, other) && step.answer != other.answer => {
                format!("ours: {}\n      official: {}", step.answer, other.answer)
            }
            _ => continue,
        };
        found.push(Finding { step: step.name.clone(), text });
    }
    found
}

fn both_hold(ours: &Step, theirs: &Step) -> bool {
    ours.expected.is_none() && theirs.expected.is_none()
}

fn not_as_expected(step: &Step) -> Option<Finding> {
    let expected = step.expected.as_ref()?;
    let text = format!("answered:   {}\n      production: {expected}", step.answer);
    Some(Finding { step: step.name.clone(), text })
}

impl Row {
    fn say(&self, what: &str, finding: &Finding) -> String {
        let Finding { step, text } = finding;
        format!("{} {}, {step}: {what}\n      {text}", self.client, self.scenario)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<8}{:<38}{:>6}{:>10}{:>10}{:>9}{:>13}",
            "client", "scenario", "steps", "ours ms", "theirs ms", "defects", "differences"
        )?;
        for row in &self.rows {
            let took = row.took.map(|ms| ms.map_or("-".to_owned(), |ms| ms.to_string()));
            let counts = [row.defects.len(), row.differences.len()];
            let [defects, differences] =
                counts.map(|n| if n == 0 { String::new() } else { n.to_string() });
            writeln!(
                f,
                "{:<8}{:<38}{:>6}{:>10}{:>10}{defects:>9}{differences:>13}",
                row.client.to_string(),
                row.scenario,
                row.steps,
                took[0],
                took[1]
            )?;
        }
        let steps: usize = self.rows.iter().map(|row| row.steps).sum();
        writeln!(f, "{} scenarios, {steps} steps", self.rows.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::outcome;

    const ASKED: &str = r#"{"step":"asked","answer":1}"#;
    const REACHED: &str = r#"{"step":"end","answer":"reached"}"#;
    const BROKE: &str = r#"{"step":"end","answer":"broke","expected":"reached"}"#;

    fn scenario(steps: &[&str]) -> Vec<Scenario> {
        let steps = steps.join(",");
        outcome::read(&format!(r#"{{"scenario":"a/b","milliseconds":1,"steps":[{steps}]}}"#))
            .unwrap()
    }

    fn listed(step: &str) -> Listed {
        let text = format!(
            "[[difference]]\nclients = ['node']\nscenario = 'a/b'\nsteps = ['{step}']\n\
             emulator = 'x'\nproduction = 'y'\nsource = 'z'"
        );
        toml::from_str(&text).unwrap()
    }

    fn judged(ours: &[&str], theirs: &[&str], listed: &Listed) -> Vec<String> {
        let mut comparison = Comparison::default();
        comparison.add(Client::Node, &scenario(ours), &scenario(theirs));
        comparison.judge(listed, "")
    }

    #[test]
    fn equal_answers_pass_and_an_entry_that_says_otherwise_does_not() {
        let steps = [ASKED, REACHED];
        assert!(judged(&steps, &steps, &Listed::default()).is_empty());
        let found = judged(&steps, &steps, &listed("asked"));
        assert_eq!(found, ["node a/b, asked: listed, but there is no such difference"]);
    }

    #[test]
    fn what_ours_does_otherwise_than_production_is_a_defect_even_if_listed() {
        let wrong = r#"{"step":"asked","answer":2,"expected":1}"#;
        let found = judged(&[wrong, REACHED], &[wrong, REACHED], &listed("asked"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("node a/b, asked: a defect of ours"), "{found:?}");
    }

    #[test]
    fn what_the_official_one_does_otherwise_is_listed_or_found() {
        let wrong = r#"{"step":"asked","answer":2,"expected":1}"#;
        assert!(judged(&[ASKED, REACHED], &[wrong, REACHED], &listed("asked")).is_empty());
        let found = judged(&[ASKED, REACHED], &[wrong, REACHED], &Listed::default());
        assert!(found[0].starts_with("node a/b, asked: not listed"), "{found:?}");
    }

    #[test]
    fn what_a_broken_scenario_did_not_get_to_belongs_to_its_end() {
        assert!(judged(&[ASKED, REACHED], &[BROKE], &listed("end")).is_empty());
        assert_eq!(judged(&[ASKED, REACHED], &[REACHED], &Listed::default()).len(), 1);
        assert_eq!(judged(&[BROKE], &[ASKED, REACHED], &Listed::default()).len(), 1);
    }

    #[test]
    fn a_scenario_that_one_server_did_not_run_is_found() {
        let mut comparison = Comparison::default();
        comparison.add(Client::Python, &scenario(&[REACHED]), &[]);
        assert_eq!(comparison.judge(&Listed::default(), "").len(), 1);
    }
}
