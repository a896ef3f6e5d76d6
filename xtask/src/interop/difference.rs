//! Where the official emulator is known to differ from production.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::client::Client;

/// The content of `interop/differences.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    #[serde(rename = "difference", default)]
    pub(super) differences: Vec<Difference>,
}

/// Steps in which the official emulator does not do what production does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Difference {
    pub(super) clients: Vec<Client>,
    pub(super) scenario: String,
    pub(super) steps: Vec<String>,
    /// What the official emulator does.
    emulator: String,
    /// What production does.
    production: String,
    /// Where that is written.
    source: String,
}

impl Difference {
    /// The client and the step of each single difference.
    pub(super) fn each(&self) -> impl Iterator<Item = (Client, &str, &str)> {
        let pairs = self.clients.iter().flat_map(|client| self.steps.iter().map(|s| (*client, s)));
        pairs.map(|(client, step)| (client, self.scenario.as_str(), step.as_str()))
    }
}

impl Listed {
    pub(super) fn holds(&self, client: Client, scenario: &str, step: &str) -> bool {
        let mut all = self.differences.iter().flat_map(Difference::each);
        all.any(|difference| difference == (client, scenario, step))
    }
}

/// Reads the list.
///
/// # Errors
/// If the file is unreadable, or an entry does not say what differs and where that is written.
pub(super) fn read(file: &Path) -> Result<Listed> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("can't read {name}"))?;
    let listed: Listed = toml::from_str(&text).with_context(|| format!("{name} is no list"))?;
    for entry in &listed.differences {
        let words = [&entry.emulator, &entry.production, &entry.source];
        let is_explained = words.iter().all(|text| !text.trim().is_empty());
        ensure!(is_explained, "{name}: the entry for `{}` leaves something unsaid", entry.scenario);
    }
    Ok(listed)
}
