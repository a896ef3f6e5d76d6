//! Which databases a server has.

use std::fmt;
use std::sync::Arc;

use firekeep_core::{Catalog, Error, ErrorKind, Result, Store};

use crate::name::DatabaseName;

/// The databases behind a server.
pub trait Databases: fmt::Debug + Send + Sync + 'static {
    /// The database of that name, made if this kind of server makes databases on first use.
    ///
    /// # Errors
    /// [`NotFound`](firekeep_core::ErrorKind::NotFound) if there is none.
    fn database(&self, name: &DatabaseName) -> Result<Hosted>;

    /// The databases that were used so far, sorted: what a page that shows them offers. None, unless
    /// this is overridden.
    fn used(&self) -> Vec<DatabaseName> {
        Vec::new()
    }

    /// Deletes every document of the database of that name and ends its transactions, as the
    /// official emulator's door for test suites does. A database that was never used is clear.
    ///
    /// # Errors
    /// [`NotFound`](firekeep_core::ErrorKind::NotFound) if there is none;
    /// [`Unimplemented`](firekeep_core::ErrorKind::Unimplemented), unless this is overridden: a
    /// store can't do it by itself.
    fn clear(&self, name: &DatabaseName) -> Result<()> {
        self.database(name)?;
        Err(Error::new(
            ErrorKind::Unimplemented,
            "the databases of this server can't be cleared; delete the documents",
        ))
    }
}

/// A database behind a server. Clones are the same database.
#[derive(Clone, Debug)]
pub struct Hosted {
    store: Arc<dyn Store>,
    catalog: Option<Arc<dyn Catalog>>,
}

impl Hosted {
    /// The database in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, catalog: None }
    }

    /// With a catalog of the store's collections. Without one, calls that list collections or
    /// missing documents are unimplemented.
    #[must_use]
    pub fn with_catalog(mut self, catalog: Arc<dyn Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// The same database, reached by `store`.
    pub(crate) fn with_store(self, store: Arc<dyn Store>) -> Self {
        Self { store, ..self }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The catalog, if there is one.
    pub fn catalog(&self) -> Option<&Arc<dyn Catalog>> {
        self.catalog.as_ref()
    }

    /// The catalog, for an answer that needs one.
    ///
    /// # Errors
    /// [`Unimplemented`](ErrorKind::Unimplemented) without one, naming `what` is not answered then.
    pub(crate) fn catalog_for(&self, what: &str) -> Result<&dyn Catalog> {
        self.catalog.as_deref().ok_or_else(|| {
            let why = format!("{what} is not served: this database lists no collections");
            Error::new(ErrorKind::Unimplemented, why)
        })
    }
}

/// A server of one database, which is called what its store says.
impl Databases for Hosted {
    fn database(&self, name: &DatabaseName) -> Result<Hosted> {
        if *self.store.info().database == *name.as_str() {
            return Ok(self.clone());
        }
        Err(missing(name))
    }

    fn used(&self) -> Vec<DatabaseName> {
        DatabaseName::new(&self.store.info().database).into_iter().collect()
    }
}

/// Production's answer for a database that does not exist.
///
/// A server that does not make databases answers with this.
pub fn missing(name: &DatabaseName) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("The database {} does not exist for project {}", name.id(), name.project()),
    )
}
