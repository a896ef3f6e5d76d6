//! What a client's program says of one scenario.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// One scenario on one server.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Scenario {
    #[serde(rename = "scenario")]
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
    pub(super) milliseconds: u64,
}

/// One answer of the server.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Step {
    #[serde(rename = "step")]
    pub(super) name: String,
    /// What it answered, without what depends on the moment.
    pub(super) answer: Value,
    /// What production answers, if that is something else.
    #[serde(default, deserialize_with = "present")]
    pub(super) expected: Option<Value>,
}

/// The last step, and whether the scenario got there.
pub(super) const END: &str = "end";

impl Scenario {
    pub(super) fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// Whether it ran to its end; if not, its last steps are missing.
    pub(super) fn is_whole(&self) -> bool {
        self.step(END).is_some_and(|end| end.expected.is_none())
    }
}

/// Reads a line for each scenario; the order is that in which they ended.
pub(super) fn read(output: &str) -> Result<Vec<Scenario>> {
    let lines = output.lines().filter(|line| !line.trim().is_empty());
    let mut scenarios = lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("not a scenario: {line}")))
        .collect::<Result<Vec<Scenario>>>()?;
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scenarios)
}

/// Keeps `null`, which is an answer like any other, apart from absence.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_scenario_and_null_is_an_expectation() {
        let line = r#"{"scenario":"a/b","milliseconds":3,"steps":[
            {"step":"one","answer":1},{"step":"end","answer":"x","expected":null}]}"#;
        let read = read(&line.replace('\n', "")).unwrap();
        assert_eq!(read[0].step("one").unwrap().expected, None);
        assert_eq!(read[0].step(END).unwrap().expected, Some(Value::Null));
        assert!(!read[0].is_whole());
        assert!(super::read("Killed\n").unwrap_err().to_string().contains("Killed"));
    }
}
