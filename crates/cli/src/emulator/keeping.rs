//! Taking the databases of an emulator out into a folder, and putting them back.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use firekeep::wire::Databases;

use super::databases::MemoryDatabases;
use super::snapshot::{self, Extent};

/// The databases, and where they are kept. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Keeping(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    databases: MemoryDatabases,
    /// Where they go at the end.
    folder: Option<PathBuf>,
    /// Two exports into one folder must not run at a time.
    turn: Mutex<()>,
}

impl Keeping {
    /// # Errors
    /// If `folder` can't hold a snapshot.
    pub(crate) fn new(databases: MemoryDatabases, folder: Option<PathBuf>) -> Result<Self> {
        if let Some(folder) = &folder {
            snapshot::check_target(folder)?;
        }
        Ok(Self(Arc::new(Inner { databases, folder, turn: Mutex::default() })))
    }

    /// Where the databases go at the end.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    /// Writes every database as it is at one time each. Blocks.
    ///
    /// # Errors
    /// If `folder` can't be written, or holds something else.
    pub(crate) fn export(&self, folder: &Path) -> Result<Extent> {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshots: Vec<_> = self
            .0
            .databases
            .all()
            .into_iter()
            .map(|(name, store)| (name, store.control().snapshot()))
            .collect();
        snapshot::write(folder, &snapshots)
    }

    /// Replaces each database that the snapshot in `folder` has by what it has there; the others
    /// stay. Blocks.
    ///
    /// # Errors
    /// If it is no snapshot, or has a database that is not served. Nothing is changed then.
    pub(crate) fn import(&self, folder: &Path) -> Result<Extent> {
        let contents = snapshot::read(folder)?;
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        for content in &contents {
            self.0.databases.database(&content.name)?;
        }
        let extent = Extent::of(contents.iter().map(|content| content.documents.len()));
        for content in contents {
            let (store, _) = self.0.databases.open(&content.name)?;
            let restored = store.control().restore(content.documents);
            restored.with_context(|| format!("can't restore {}", content.name.as_str()))?;
        }
        Ok(extent)
    }
}
