//! Which indexes a run needed, in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use firekeep::memory::IndexFile;
use firekeep::memory::index_file::IndexRecorder;

/// The indexes that were declared and those that queries needed beside them, kept in a file if one
/// was named. Clones are the same recording.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    declared: Arc<IndexFile>,
    recorder: IndexRecorder,
    file: Option<Arc<PathBuf>>,
}

impl Recording {
    /// Records into `file`, at once and whenever something is needed anew, so that it is there
    /// however the run ends.
    ///
    /// # Errors
    /// If the file can't be written.
    pub(crate) fn start(declared: &IndexFile, file: Option<&PathBuf>) -> Result<Self> {
        let declared = Arc::new(declared.clone());
        let file = file.map(|path| Arc::new(path.clone()));
        let mut recorder = IndexRecorder::with_overrides_of(&declared);
        if let Some(path) = file.clone() {
            let declared = Arc::clone(&declared);
            recorder = recorder.on_change(move |needed| {
                // Tried again at the end, which says what is wrong if it still is.
                if let Err(error) = write(&path, &merged(&declared, needed)) {
                    tracing::error!(error = format!("{error:#}"), "indexes are not recorded");
                }
            });
        }
        let recording = Self { declared, recorder, file };
        recording.save()?;
        Ok(recording)
    }

    pub(crate) fn recorder(&self) -> IndexRecorder {
        self.recorder.clone()
    }

    /// Everything declared and needed so far, in the Firebase CLI's format.
    pub(crate) fn to_json(&self) -> String {
        merged(&self.declared, &self.recorder.to_index_file()).to_json()
    }

    /// Writes the file, if one was named.
    ///
    /// # Errors
    /// If it can't be written.
    pub(crate) fn save(&self) -> Result<()> {
        match &self.file {
            Some(path) => write(path, &merged(&self.declared, &self.recorder.to_index_file())),
            None => Ok(()),
        }
    }
}

fn merged(declared: &IndexFile, needed: &IndexFile) -> IndexFile {
    let mut all = declared.clone();
    all.merge(needed);
    all
}

/// Replaces the file in one step: a reader sees all of it or all of the one before.
fn write(path: &Path, indexes: &IndexFile) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let written = std::fs::write(&temporary, indexes.to_json())
        .and_then(|()| std::fs::rename(&temporary, path));
    written.with_context(|| format!("can't write {}", path.display()))
}
