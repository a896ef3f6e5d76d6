//! The bounds that only the store can check: sizes of requests and documents, index entries.

use firekeep_core::document::{MAX_DOCUMENT_BYTES, size_of};
use firekeep_core::write::MAX_REQUEST_BYTES;
use firekeep_core::{Change, DocPath, Error, FieldPath, Fields, Result, TransformOp, Value, Write};

/// The most entries that one document may have in all indexes.
pub(crate) const MAX_INDEX_ENTRIES: usize = 40_000;

/// Checks the size of a whole commit, by the size rules of documents.
///
/// # Errors
/// `InvalidArgument` above 10 MiB; overlapping transforms in one write.
pub(crate) fn check_request(writes: &[Write]) -> Result<()> {
    if let [write] = writes
        && write.transforms().is_empty()
        && matches!(write.change(), Change::Replace(_))
    {
        // The bound on its document is the smaller one.
        return Ok(());
    }
    writes.iter().try_for_each(check_transforms)?;
    let bytes: usize = writes.iter().map(write_size).sum();
    if bytes > MAX_REQUEST_BYTES {
        return Err(Error::invalid(format!(
            "a request has at most {MAX_REQUEST_BYTES} bytes; this has {bytes}"
        )));
    }
    Ok(())
}

fn write_size(write: &Write) -> usize {
    let fields = match write.change() {
        Change::Replace(fields) | Change::Merge { fields, .. } => size_of(write.path(), fields),
        _ => write.path().as_str().len(),
    };
    let operands = write.transforms().iter().map(|transform| match &transform.op {
        TransformOp::ArrayUnion(elements) | TransformOp::ArrayRemove(elements) => {
            elements.iter().map(firekeep_core::document::value_size).sum()
        }
        _ => 8,
    });
    fields + operands.sum::<usize>()
}

/// Refuses a transform of a field and of one inside it.
fn check_transforms(write: &Write) -> Result<()> {
    let fields: Vec<&FieldPath> = write.transforms().iter().map(|t| &t.field).collect();
    if fields.len() < 2 {
        return Ok(());
    }
    let mut sorted = fields;
    sorted.sort();
    let overlap =
        sorted.windows(2).find(|pair| pair[0] != pair[1] && pair[0].is_prefix_of(pair[1]));
    match overlap {
        Some(pair) => Err(Error::invalid("a transform changes a field and another one inside it")
            .at_path(format!("{}:{}", write.path(), pair[1]))),
        None => Ok(()),
    }
}

/// Checks a document as it would be stored.
///
/// # Errors
/// `InvalidArgument` above 1 MiB or 40,000 index entries.
pub(crate) fn check_document(path: &DocPath, fields: &Fields) -> Result<()> {
    let bytes = size_of(path, fields);
    if bytes > MAX_DOCUMENT_BYTES {
        return Err(Error::invalid(format!(
            "a document has at most {MAX_DOCUMENT_BYTES} bytes; this would have {bytes}"
        )));
    }
    // Every index entry stands for at least one byte of the document.
    if bytes <= MAX_INDEX_ENTRIES / 2 {
        return Ok(());
    }
    let entries = index_entries(fields);
    if entries > MAX_INDEX_ENTRIES {
        return Err(Error::invalid(format!(
            "a document has at most {MAX_INDEX_ENTRIES} index entries; this would have {entries}"
        )));
    }
    Ok(())
}

/// The entries in the automatic indexes: two per field that is no map, counted inside maps, and one
/// per element of an array.
fn index_entries(fields: &Fields) -> usize {
    fields
        .values()
        .map(|value| match value {
            Value::Map(inner) => index_entries(inner),
            Value::Array(elements) => 2 + elements.len(),
            _ => 2,
        })
        .sum()
}
