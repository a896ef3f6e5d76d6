//! Addresses on the command line: of a store, and to listen on.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use firekeep::SystemClock;
use firekeep::firestore::FirestoreStore;
use firekeep::layers::Stack;
use firekeep::layers::stack::Standard;
use firekeep::memory::{IndexFile, MemoryStore};

use crate::failure::Failure;

/// The indexes of Firekeep's own queries, which the memory store holds queries to.
const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");

/// Where readings are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum StoreAddress {
    /// In this process; gone when it ends.
    #[default]
    Memory,
    /// In Firestore, or in its emulator if FIRESTORE_EMULATOR_HOST is set.
    Firestore { project: String, database: String },
}

impl FromStr for StoreAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        let expected = "expected memory or firestore://PROJECT/DATABASE";
        let rest = text.strip_prefix("firestore://").ok_or(expected)?;
        let (project, database) = rest.split_once('/').unwrap_or((rest, "(default)"));
        if project.is_empty() || database.is_empty() || database.contains('/') {
            return Err(expected.to_owned());
        }
        Ok(Self::Firestore { project: project.into(), database: database.into() })
    }
}

/// Which store to use, and how strict the memory store is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// Where readings are kept: `memory`, or `firestore://PROJECT/DATABASE` (DATABASE may be left
    /// out: it is then `(default)`).
    #[arg(long, value_name = "STORE", default_value = "memory")]
    pub(crate) store: StoreAddress,

    /// The indexes that the memory store demands, in the Firebase CLI's format; Firekeep's own
    /// unless given.
    #[arg(long, value_name = "FILE")]
    pub(crate) indexes: Option<PathBuf>,
}

impl StoreArgs {
    /// Opens the store, with the layers that a service runs on.
    pub(crate) fn open(&self) -> Result<Standard, Failure> {
        let clock = Arc::new(SystemClock);
        let indexes = self.read_indexes()?;
        Ok(match &self.store {
            StoreAddress::Memory => {
                Stack::standard(MemoryStore::builder().indexes(indexes).build(), clock)
            }
            StoreAddress::Firestore { project, database } => {
                let store = FirestoreStore::connect(project, database);
                Stack::standard(store.map_err(|error| Failure::Usage(error.to_string()))?, clock)
            }
        })
    }

    /// Reads the index file also if the store has no use for it, so that a broken one is noticed.
    fn read_indexes(&self) -> Result<IndexFile, Failure> {
        let Some(path) = &self.indexes else {
            return IndexFile::parse(INDEXES)
                .context("the built-in indexes")
                .map_err(Failure::Failed);
        };
        read_index_file(path)
    }
}

/// Reads a file in the Firebase CLI's format.
pub(crate) fn read_index_file(path: &Path) -> Result<IndexFile, Failure> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("can't read {}", path.display()));
    IndexFile::parse(&text.map_err(Failure::File)?)
        .with_context(|| format!("the index file {} is wrong", path.display()))
        .map_err(Failure::File)
}

/// An address to listen on: `127.0.0.1:8080`, `[::1]:0`, `localhost:8080`.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected HOST:PORT, as in 127.0.0.1:8080";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let is_name = text.rsplit_once(':').is_some_and(|(host, _)| host == "localhost");
    if !is_name {
        return Err(expected.to_owned());
    }
    text.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or(expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_memory_or_a_database() {
        let firestore = |project: &str, database: &str| StoreAddress::Firestore {
            project: project.into(),
            database: database.into(),
        };
        assert_eq!("memory".parse(), Ok(StoreAddress::Memory));
        assert_eq!("firestore://p/d".parse(), Ok(firestore("p", "d")));
        assert_eq!("firestore://p".parse(), Ok(firestore("p", "(default)")));
        for bad in
            ["", "disk", "firestore://", "firestore:///d", "firestore://p/", "firestore://p/d/e"]
        {
            assert!(bad.parse::<StoreAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_to_listen_on_is_a_number_or_localhost() {
        assert_eq!(parse_listen("127.0.0.1:80").unwrap().port(), 80);
        assert!(parse_listen("localhost:0").unwrap().ip().is_loopback());
        // Loopback or not is the server's to decide; a name would ask the network first.
        assert!(parse_listen("0.0.0.0:80").is_ok());
        for bad in ["", "80", "example.com:80", "localhost", "localhost:x"] {
            assert!(parse_listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_built_in_indexes_are_read() {
        let args = StoreArgs { store: StoreAddress::Memory, indexes: None };
        assert!(args.read_indexes().is_ok());
    }
}
