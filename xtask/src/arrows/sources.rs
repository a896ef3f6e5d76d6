//! What a crate's sources may not name, whatever its manifest says.

use std::path::PathBuf;

use anyhow::Result;

use crate::workspace;

/// A source file of a crate: the crate's folder, the path in the repository, the text.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) krate: String,
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Who reads configuration, and why it may.
const READS_ENVIRONMENT: &[(&str, &str)] = &[
    ("cli", "the binary is where configuration enters"),
    ("server", "the service is where configuration enters"),
    ("firestore", "FIRESTORE_EMULATOR_HOST and Application Default Credentials are found by it"),
    ("lock-chaos", "it starts its own program again as its workers"),
    ("testkit", "tests are told by their runner which backends must be there"),
];

/// Reads the library and binary sources of every crate; tests may name what they like.
pub(super) fn read_crates() -> Result<Vec<Source>> {
    let root = workspace::root();
    let mut sources = vec![];
    for path in workspace::files()? {
        let mut parts = path.iter().map(|part| part.to_string_lossy().into_owned());
        let (Some(top), Some(krate), Some(folder)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let is_source =
            top == "crates" && folder == "src" && path.extension().is_some_and(|e| e == "rs");
        if is_source && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(root.join(&path))?;
            sources.push(Source { krate, path, text });
        }
    }
    Ok(sources)
}

/// Every forbidden name, with its line and what to do about it.
pub(super) fn violations(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(check).collect()
}

fn check(source: &Source) -> Vec<String> {
    let reads = READS_ENVIRONMENT.iter().any(|(name, _)| *name == source.krate);
    let code =
        source.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter_map(|(index, line)| {
        let at = format!("{}:{}", source.path.display(), index + 1);
        if !reads && (line.contains("std::env") || line.contains("env::var")) {
            let readers: Vec<_> = READS_ENVIRONMENT.iter().map(|(name, _)| *name).collect();
            return Some(format!(
                "{at}: `{}` reads the environment, but only {} do.\n  Take the value as a parameter.",
                source.krate,
                readers.join(", ")
            ));
        }
        (source.krate == "core" && line.contains("tokio::")).then(|| {
            format!("{at}: core names a runtime.\n  Take time from a `Clock`; leave tasks to the crates above.")
        })
    })
    .collect()
}
