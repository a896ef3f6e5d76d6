//! Documents and masks.

use firekeep_core::{Document, Error, FieldPath, Result, Timestamp};

use super::timestamp_from_proto;
use super::value::fields_from_proto;
use crate::database::Database;
use crate::proto::{self, DocumentMask};

/// The document in a message.
///
/// # Errors
/// [`Decode`](firekeep_core::ErrorKind::Decode), naming the document, for one that lacks its times
/// or holds what this version can't read.
pub(crate) fn document_from_proto(
    database: &Database,
    document: proto::Document,
) -> Result<Document> {
    let path = database.path_of(&document.name)?;
    let put_together = || {
        let fields = fields_from_proto(database, document.fields)?;
        Ok((fields, time(document.create_time)?, time(document.update_time)?))
    };
    match put_together() {
        Ok((fields, created, updated)) => Ok(Document::new(path, fields, created, updated)),
        Err(error) => Err(qualify(error, &path)),
    }
}

/// Puts the document's path before the field's in an error.
pub(crate) fn qualify(error: Error, path: &firekeep_core::DocPath) -> Error {
    let message = error.message().to_owned();
    let place = error.path().map_or_else(|| path.to_string(), |field| format!("{path}:{field}"));
    Error::decode(message).at_path(place).with_source(error)
}

fn time(time: Option<prost_types::Timestamp>) -> Result<Timestamp> {
    timestamp_from_proto(time.ok_or_else(|| Error::decode("a document lacks its times"))?)
}

/// The mask as a message.
pub(crate) fn mask_to_proto(mask: &[FieldPath]) -> DocumentMask {
    DocumentMask { field_paths: mask.iter().map(ToString::to_string).collect() }
}
