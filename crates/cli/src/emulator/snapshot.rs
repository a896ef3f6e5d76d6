//! Snapshots: all databases of an emulator in a folder.
//!
//! `manifest.json` says which databases there are and in which file each has its documents, a line
//! each, in the JSON of Firestore's REST interface. The manifest is replaced last, in one step: a
//! folder whose manifest is there is whole, however an export ended.

mod document;
mod manifest;
mod reading;
mod value;
mod writing;

#[cfg(test)]
mod tests;

use firekeep::Document;
use firekeep::wire::DatabaseName;
use serde::Serialize;

pub(crate) use reading::read;
pub(crate) use writing::{check_target, is_empty, write};

/// A database as a snapshot has it.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) name: DatabaseName,
    pub(crate) documents: Vec<Document>,
}

/// How much a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Extent {
    pub(crate) databases: usize,
    pub(crate) documents: usize,
}

impl Extent {
    pub(crate) fn of(databases: impl IntoIterator<Item = usize>) -> Self {
        databases.into_iter().fold(Self { databases: 0, documents: 0 }, |so_far, documents| Self {
            databases: so_far.databases + 1,
            documents: so_far.documents + documents,
        })
    }
}
