//! The messages of the two answers.

use firekeep_core::{DocPath, Document, Timestamp, TxnId};

use super::document::{document, timestamp};
use super::reader::{Fault, Key, Reader};
use crate::database::Database;

/// A message that can be read.
pub(crate) trait Part: Sized {
    /// Reads it from all of its bytes.
    fn read(database: &Database, from: Reader<'_>) -> Result<Self, Fault>;
}

/// A `RunQueryResponse`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct QueryPart {
    pub(crate) txn: Option<TxnId>,
    pub(crate) document: Option<Document>,
    pub(crate) read_time: Option<Timestamp>,
    pub(crate) skipped: u64,
}

/// A `BatchGetDocumentsResponse`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct GetPart {
    pub(crate) txn: Option<TxnId>,
    pub(crate) found: Option<Found>,
    pub(crate) read_time: Option<Timestamp>,
}

/// What there is at one path.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    Document(Document),
    Missing(DocPath),
}

impl Part for QueryPart {
    fn read(database: &Database, mut from: Reader<'_>) -> Result<Self, Fault> {
        let mut part = Self::default();
        while let Some(key) = from.key()? {
            match key {
                Key::Bytes(1) => part.document = Some(document(database, from.message()?)?),
                Key::Bytes(2) => part.txn = txn(from.bytes()?),
                Key::Bytes(3) => part.read_time = Some(timestamp(from.message()?)?),
                Key::Varint(4) => {
                    part.skipped = u64::try_from(from.varint()? as i32).unwrap_or(0);
                }
                other => from.skip(other)?,
            }
        }
        Ok(part)
    }
}

impl Part for GetPart {
    fn read(database: &Database, mut from: Reader<'_>) -> Result<Self, Fault> {
        let mut part = Self::default();
        while let Some(key) = from.key()? {
            match key {
                Key::Bytes(1) => {
                    part.found = Some(Found::Document(document(database, from.message()?)?));
                }
                Key::Bytes(2) => {
                    part.found = Some(Found::Missing(database.path_of(from.text()?)?));
                }
                Key::Bytes(3) => part.txn = txn(from.bytes()?),
                Key::Bytes(4) => part.read_time = Some(timestamp(from.message()?)?),
                other => from.skip(other)?,
            }
        }
        Ok(part)
    }
}

fn txn(id: &[u8]) -> Option<TxnId> {
    (!id.is_empty()).then(|| TxnId::new(id.to_vec()))
}
