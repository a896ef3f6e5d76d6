//! The file that says what a snapshot consists of.

use std::collections::HashSet;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use firekeep::wire::DatabaseName;
use serde::{Deserialize, Serialize};

/// What a snapshot consists of.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Manifest {
    format: String,
    version: u32,
    /// Which export into this folder it is. Its files are named after it, so that no export
    /// writes into a file of the one before.
    pub(super) generation: u64,
    pub(super) databases: Vec<Entry>,
}

/// A database of a snapshot.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Entry {
    /// `projects/{project}/databases/{database}`.
    pub(super) name: String,
    /// The file in the same folder that has its documents.
    pub(super) file: String,
    /// How many they are.
    pub(super) documents: usize,
    /// As of when, by the emulator's clock.
    pub(super) read_time: String,
}

/// What any version has, so that a later one is told from a broken one.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// The manifest's name in the folder.
pub(super) const FILE: &str = "manifest.json";
const FORMAT: &str = "firekeep-snapshot";
const VERSION: u32 = 1;

impl Manifest {
    pub(super) fn new(generation: u64, databases: Vec<Entry>) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, generation, databases }
    }

    /// Reads and checks the manifest of `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let shown = path.display();
        let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {shown}"))?;
        // serde's message ends with the line and the column.
        let wrong = || format!("{shown} is no manifest of a snapshot");
        let head: Head = serde_json::from_str(&text).with_context(wrong)?;
        ensure!(head.format == FORMAT, "{shown} is of another format; expected {FORMAT}");
        ensure!(
            head.version == VERSION,
            "{shown} is of version {}; this program reads version {VERSION}",
            head.version
        );
        let manifest: Self = serde_json::from_str(&text).with_context(wrong)?;
        manifest.check().with_context(wrong)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let (mut names, mut files) = (HashSet::new(), HashSet::new());
        for entry in &self.databases {
            DatabaseName::new(&entry.name)?;
            if !names.insert(&entry.name) {
                bail!("it names {} twice", entry.name);
            }
            if !is_plain(&entry.file) || !files.insert(&entry.file) {
                bail!("{} has no file of its own in the folder", entry.name);
            }
        }
        Ok(())
    }
}

/// Whether `file` is the name of a file in the folder, and leads to no other.
fn is_plain(file: &str) -> bool {
    let mut parts = Path::new(file).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(only)), None) if only == file)
}
