//! The databases of an emulator: memory stores, made on first use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use firekeep::memory::index_file::IndexRecorder;
use firekeep::memory::{IndexFile, MemoryStore};
use firekeep::wire::{DatabaseName, Databases, Hosted, missing};
use firekeep::{Error, ErrorKind, Result, ShiftedClock};

use super::served::Served;

/// What every database of an emulator has in common.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) clock: ShiftedClock,
    pub(crate) served: Served,
    pub(crate) indexes: IndexFile,
    /// Whether queries are refused for want of an index.
    pub(crate) is_strict: bool,
    pub(crate) recorder: IndexRecorder,
}

/// The databases of an emulator. Clones are the same databases.
#[derive(Clone, Debug)]
pub(crate) struct MemoryDatabases(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: Options,
    stores: RwLock<BTreeMap<DatabaseName, (MemoryStore, Hosted)>>,
    /// How many documents expired so far.
    expired: Mutex<usize>,
}

impl MemoryDatabases {
    pub(crate) fn new(options: Options) -> Self {
        Self(Arc::new(Inner { options, stores: RwLock::default(), expired: Mutex::default() }))
    }

    pub(crate) fn clock(&self) -> &ShiftedClock {
        &self.0.options.clock
    }

    /// Those that were used, by name.
    pub(crate) fn all(&self) -> Vec<(DatabaseName, MemoryStore)> {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.iter().map(|(name, (store, _))| (name.clone(), store.clone())).collect()
    }

    /// The one of that name, if it was used.
    fn find(&self, name: &DatabaseName) -> Option<(MemoryStore, Hosted)> {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.get(name).cloned()
    }

    /// The one of that name, made if need be.
    ///
    /// # Errors
    /// `NotFound` if it is not to be served, `ResourceExhausted` if there are too many.
    pub(crate) fn open(&self, name: &DatabaseName) -> Result<(MemoryStore, Hosted)> {
        if let Some(found) = self.find(name) {
            return Ok(found);
        }
        if !self.0.options.served.includes(name) {
            return Err(missing(name));
        }
        let mut stores = self.0.stores.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = stores.get(name) {
            return Ok(found.clone());
        }
        if stores.len() >= MAX_DATABASES {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!(
                    "this emulator has {MAX_DATABASES} databases, the most it makes; use names \
                     again, or start it again"
                ),
            ));
        }
        let made = self.make(name);
        stores.insert(name.clone(), made.clone());
        Ok(made)
    }

    fn make(&self, name: &DatabaseName) -> (MemoryStore, Hosted) {
        let options = &self.0.options;
        let builder = MemoryStore::builder()
            .database(name.as_str())
            .clock(options.clock.clone())
            .indexes(options.indexes.clone())
            .record_indexes(options.recorder.clone())
            .heartbeat(HEARTBEAT);
        let builder = if options.is_strict { builder } else { builder.lenient() };
        let store = builder.build();
        let hosted = Hosted::new(Arc::new(store.clone())).with_catalog(Arc::new(store.clone()));
        (store, hosted)
    }

    /// Deletes what has expired, everywhere. Answers how many documents expired so far: whoever
    /// moves the clock also wakes the sweep that runs now and then, and either may be first.
    pub(crate) fn expire_documents(&self) -> usize {
        let mut expired = self.0.expired.lock().unwrap_or_else(PoisonError::into_inner);
        let each = self.all().into_iter().map(|(_, store)| store.control().expire_documents());
        *expired += each.sum::<usize>();
        *expired
    }

    /// How many documents expired so far.
    pub(crate) fn expired(&self) -> usize {
        *self.0.expired.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Databases for MemoryDatabases {
    fn database(&self, name: &DatabaseName) -> Result<Hosted> {
        self.open(name).map(|(_, hosted)| hosted)
    }

    fn used(&self) -> Vec<DatabaseName> {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.keys().cloned().collect()
    }

    fn clear(&self, name: &DatabaseName) -> Result<()> {
        match self.find(name) {
            Some((store, _)) => store.control().clear(),
            None if !self.0.options.served.includes(name) => return Err(missing(name)),
            None => {}
        }
        Ok(())
    }
}

/// How many databases an emulator makes: more than any run of tests that has one for each test, and
/// few enough that a program that makes up names does not fill the machine.
const MAX_DATABASES: usize = 10_000;

/// How long a stream of changes is silent at most, as in production.
const HEARTBEAT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use firekeep::{Commit, Cx, ManualClock, Write, fields};

    use super::*;

    fn databases(served: &[&str]) -> MemoryDatabases {
        let served = served.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        MemoryDatabases::new(Options {
            clock: ShiftedClock::over(Arc::new(ManualClock::new())),
            served: Served::new(served),
            indexes: IndexFile::empty(),
            is_strict: false,
            recorder: IndexRecorder::new(),
        })
    }

    fn name(text: &str) -> DatabaseName {
        DatabaseName::new(text).unwrap()
    }

    fn count(databases: &MemoryDatabases, of: &DatabaseName) -> usize {
        databases.open(of).unwrap().0.control().snapshot().documents.len()
    }

    #[test]
    fn each_name_is_a_database_of_its_own_and_only_the_one_cleared_is_clear() {
        let databases = databases(&[]);
        let names = ["projects/p/databases/(default)", "projects/p/databases/d"].map(name);
        for name in &names {
            let write = Write::create("c/d".try_into().unwrap(), fields! {}).unwrap();
            let commit = Commit::new(vec![write]).unwrap();
            let store = databases.database(name).unwrap();
            assert_eq!(*store.store().info().database, *name.as_str());
            futures::executor::block_on(store.store().commit(&Cx::new(), commit)).unwrap();
        }
        databases.clear(&names[0]).unwrap();
        assert_eq!((count(&databases, &names[0]), count(&databases, &names[1])), (0, 1));
    }

    #[test]
    fn what_is_not_to_be_served_is_not_found() {
        let databases = databases(&["d", "projects/p/databases/e"]);
        for served in ["projects/q/databases/d", "projects/p/databases/d", "projects/p/databases/e"]
        {
            databases.database(&name(served)).unwrap();
        }
        for other in ["projects/p/databases/(default)", "projects/q/databases/e"] {
            let refused = databases.database(&name(other)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::NotFound);
            assert_eq!(databases.clear(&name(other)).unwrap_err().kind(), ErrorKind::NotFound);
        }
    }

    #[test]
    fn clearing_makes_no_database_and_there_are_not_more_than_so_many() {
        let databases = databases(&[]);
        databases.clear(&name("projects/p/databases/d")).unwrap();
        assert!(databases.all().is_empty());
        for n in 0..MAX_DATABASES {
            databases.database(&name(&format!("projects/p{n}/databases/d"))).unwrap();
        }
        let refused = databases.database(&name("projects/q/databases/d")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceExhausted);
        assert!(refused.message().contains("10000 databases"));
        databases.database(&name("projects/p7/databases/d")).unwrap();
    }
}
