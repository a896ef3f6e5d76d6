//! How the repository is laid out: checks that no compiler makes, each saying what to do next.

mod crates;
mod links;
mod names;
mod text;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::workspace;

/// Check file lengths and names, leftovers, READMEs, links, and what a repository must not hold.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask tidy           check, and say what to do about each violation
  cargo xtask tidy --notes   also list the files that deserve a hard look")]
pub(crate) struct Args {
    /// Also list what is allowed but deserves a hard look.
    #[arg(long)]
    notes: bool,
}

/// A text file of the repository.
#[derive(Debug)]
struct File {
    path: PathBuf,
    text: String,
}

impl File {
    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "rs")
    }

    fn is_markdown(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "md")
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let files = read_files()?;
    if args.notes {
        files.iter().filter_map(text::long_file_note).for_each(|note| println!("note: {note}"));
    }
    let found = violations(&files)?;
    if found.is_empty() {
        println!("tidy: {} files are in order", files.len());
        return Ok(());
    }
    bail!("{} things are out of order:\n\n{}", found.len(), found.join("\n"));
}

fn violations(files: &[File]) -> Result<Vec<String>> {
    let mut found: Vec<String> = files.iter().flat_map(text::check).collect();
    found.extend(files.iter().filter_map(|file| names::check(&file.path)));
    found.extend(links::check(files));
    found.extend(crates::check(&workspace::metadata(false)?, files));
    Ok(found)
}

/// Reads every file that is text; what is not UTF-8 is somebody's picture.
fn read_files() -> Result<Vec<File>> {
    let root = workspace::root();
    let mut files = vec![];
    for path in workspace::files()? {
        if let Ok(text) = String::from_utf8(std::fs::read(root.join(&path))?) {
            files.push(File { path, text });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_in_order() {
        run(&Args { notes: false }).unwrap();
    }
}
