//! Which databases a server has.

use std::fmt;
use std::sync::Arc;

use firekeep_core::{Error, ErrorKind, Result, Store};

use crate::name::DatabaseName;

/// The databases behind a server.
pub trait Databases: fmt::Debug + Send + Sync + 'static {
    /// The database of that name, made if this kind of server makes databases on first use.
    ///
    /// # Errors
    /// [`NotFound`](firekeep_core::ErrorKind::NotFound) if there is none.
    fn database(&self, name: &DatabaseName) -> Result<Hosted>;
}

/// A database behind a server. Clones are the same database.
#[derive(Clone, Debug)]
pub struct Hosted {
    store: Arc<dyn Store>,
}

impl Hosted {
    /// The database in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
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
}

/// Production's answer for a database that does not exist.
pub(crate) fn missing(name: &DatabaseName) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("The database {} does not exist for project {}", name.id(), name.project()),
    )
}
