//! A copy of the repository to break.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::mutant::Mutant;
use crate::workspace;

/// The copy, in `target/mutants`. It stays, so that the next run compiles little.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Copies what has changed since the last time.
    pub(crate) fn copy() -> Result<Self> {
        let tree = Self { root: workspace::root().join("target").join("mutants") };
        tree.restore()?;
        Ok(tree)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the copy equal to the repository again. Equal files keep their time of change, by which
    /// cargo knows what to compile.
    pub(crate) fn restore(&self) -> Result<()> {
        for file in workspace::files()? {
            let wanted = std::fs::read(workspace::root().join(&file))?;
            let copy = self.root.join(&file);
            if std::fs::read(&copy).is_ok_and(|there| there == wanted) {
                continue;
            }
            if let Some(folder) = copy.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&copy, wanted)
                .with_context(|| format!("can't write {}", file.display()))?;
        }
        self.remove_strangers()
    }

    /// Removes what the repository no longer has, such as a test that is gone.
    fn remove_strangers(&self) -> Result<()> {
        let mut folders = vec![self.root.join("crates/lock")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                let name = path.strip_prefix(&self.root)?;
                if path.is_dir() {
                    folders.push(path);
                } else if !workspace::root().join(name).is_file() {
                    std::fs::remove_file(&path)?;
                }
            }
        }
        Ok(())
    }

    /// Seeds a fault.
    ///
    /// # Errors
    /// A patch that no longer applies: the code has moved on, and the patch must follow.
    pub(crate) fn apply(&self, mutant: &Mutant) -> Result<()> {
        let mut command = Command::new("git");
        command.arg("apply").arg(&mutant.patch).current_dir(&self.root);
        // The copy lies inside the repository and is none of it.
        command.env("GIT_CEILING_DIRECTORIES", workspace::root().join("target"));
        let output = command.output().context("`git apply` did not start: install git")?;
        if !output.status.success() {
            bail!(
                "{}.patch no longer applies; write it anew on today's code:\n{}",
                mutant.name,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }
}
