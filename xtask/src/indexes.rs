//! The indexes that a database needs, from the queries that the suites ran.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use firekeep_memory::IndexFile;

use crate::{step, workspace};

/// Write `infra/firestore.indexes.json` from the queries that the feature suites run.
///
/// Composite indexes are what the queries on the memory store needed. Exemptions and expiry, which
/// no query tells, stay as they are in the file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask indexes           run the suites of the features and write the file
  cargo xtask indexes --check   fail if the file is not what would be written")]
pub(crate) struct Args {
    /// Compare with the file instead of writing it.
    #[arg(long)]
    check: bool,
}

/// The packages whose suites note their queries.
const FEATURES: &[&str] = &["firekeep-telemetry", "firekeep-jobs", "firekeep-server"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = new_folder()?;
    let mut command = workspace::cargo();
    command.args(["test", "--quiet", "--tests"]);
    FEATURES.iter().for_each(|package| {
        command.args(["--package", package]);
    });
    command.env("FIREKEEP_RECORD_INDEXES", &folder).env("FIREKEEP_REQUIRE", "memory");
    command.env_remove("FIRESTORE_EMULATOR_HOST");
    step::run(&mut command)?;
    if args.check {
        return check();
    }
    let wanted = wanted(&folder)?;
    std::fs::write(path(), wanted.to_json()).context("can't write the index file")?;
    println!("indexes: wrote {} with {} composite indexes", shown(), wanted.composites().len());
    Ok(())
}

/// An empty folder for test programs to note their queries in.
pub(crate) fn new_folder() -> Result<PathBuf> {
    let folder = folder();
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("can't empty target/indexes")?;
    }
    std::fs::create_dir_all(&folder).context("can't create target/indexes")?;
    Ok(folder)
}

fn folder() -> PathBuf {
    workspace::root().join("target").join("indexes")
}

/// Compares the file with what the suites noted when they last ran.
pub(crate) fn check() -> Result<()> {
    let wanted = wanted(&folder())?;
    let text =
        std::fs::read_to_string(path()).with_context(|| format!("can't read {}", shown()))?;
    if text == wanted.to_json() {
        println!("indexes: {} is what the suites need", shown());
        return Ok(());
    }
    let present = parse(&text, &shown())?;
    bail!("{}", difference(&present, &wanted));
}

/// The overrides of the file, and the composite indexes that the suites needed.
fn wanted(folder: &Path) -> Result<IndexFile> {
    let text =
        std::fs::read_to_string(path()).with_context(|| format!("can't read {}", shown()))?;
    let mut wanted = IndexFile::empty();
    for entry in parse(&text, &shown())?.overrides() {
        wanted.insert_override(entry.clone());
    }
    let recorded = read_folder(folder)?;
    ensure!(
        !recorded.is_empty(),
        "no suite noted any query: did the tests of {} run?",
        FEATURES.join(" and ")
    );
    recorded.iter().for_each(|file| wanted.merge(file));
    Ok(wanted)
}

fn read_folder(folder: &Path) -> Result<Vec<IndexFile>> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).context("can't read target/indexes")? {
        let path = entry.context("can't read target/indexes")?.path();
        let text = std::fs::read_to_string(&path)?;
        files.push(parse(&text, &path.display().to_string())?);
    }
    Ok(files)
}

fn parse(text: &str, name: &str) -> Result<IndexFile> {
    IndexFile::parse(text).map_err(anyhow::Error::new).with_context(|| format!("{name} is wrong"))
}

/// What the file lacks and what nobody needs, and what to do.
fn difference(present: &IndexFile, wanted: &IndexFile) -> String {
    let count = |from: &IndexFile, other: &IndexFile| {
        from.composites().iter().filter(|index| !other.composites().contains(index)).count()
    };
    let (lacks, idle) = (count(wanted, present), count(present, wanted));
    format!(
        "{} is not what the suites need: it lacks {lacks} composite indexes, and {idle} serve no \
         query.\n  Run `cargo xtask indexes`, look at the difference, and commit it.",
        shown()
    )
}

fn path() -> PathBuf {
    workspace::root().join(shown())
}

fn shown() -> String {
    "infra/firestore.indexes.json".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_and_what_is_idle_is_counted() {
        let text = std::fs::read_to_string(path()).unwrap();
        let file = parse(&text, "file").unwrap();
        let said = difference(&IndexFile::empty(), &file);
        let lacks = format!("lacks {} composite indexes, and 0 serve", file.composites().len());
        assert!(said.contains(&lacks) && said.contains("cargo xtask indexes"), "{said}");
        assert!(difference(&file, &IndexFile::empty()).contains("lacks 0 composite indexes"));
    }

    #[test]
    fn a_folder_without_notes_is_no_answer() {
        let empty = std::env::temp_dir().join(format!("firekeep-no-notes-{}", std::process::id()));
        std::fs::create_dir_all(&empty).unwrap();
        let error = wanted(&empty).unwrap_err();
        std::fs::remove_dir(&empty).unwrap();
        assert!(error.to_string().contains("no suite noted any query"), "{error}");
    }
}
