//! How large requests are, by the sizes that Firestore publishes for names and values.

use firekeep_core::document::{MAX_DOCUMENT_BYTES, size_of, value_size};
use firekeep_core::write::MAX_REQUEST_BYTES;
use firekeep_core::{BatchGet, Change, Commit, Error, Result, TransformOp, Write};

pub(super) fn check_lookup(request: &BatchGet) -> Result<()> {
    let bytes = request.paths.iter().map(|path| path.as_str().len()).sum();
    check_request(bytes)
}

pub(super) fn check_commit(request: &Commit) -> Result<()> {
    let mut bytes = 0;
    for write in request.writes() {
        let document = document_bytes(write);
        if matches!(write.change(), Change::Replace(_)) && document > MAX_DOCUMENT_BYTES {
            return Err(Error::invalid(format!(
                "a document has at most {MAX_DOCUMENT_BYTES} bytes; this would have {document}"
            ))
            .at_path(write.path()));
        }
        bytes += document + transform_bytes(write);
    }
    check_request(bytes)
}

fn check_request(bytes: usize) -> Result<()> {
    if bytes > MAX_REQUEST_BYTES {
        return Err(Error::invalid(format!(
            "a request has at most {MAX_REQUEST_BYTES} bytes; this has {bytes}"
        )));
    }
    Ok(())
}

fn document_bytes(write: &Write) -> usize {
    match write.change() {
        Change::Replace(fields) | Change::Merge { fields, .. } => size_of(write.path(), fields),
        _ => write.path().as_str().len(),
    }
}

fn transform_bytes(write: &Write) -> usize {
    let of_op = |op: &TransformOp| match op {
        TransformOp::ArrayUnion(values) | TransformOp::ArrayRemove(values) => {
            values.iter().map(value_size).sum()
        }
        _ => 8,
    };
    write.transforms().iter().map(|transform| of_op(&transform.op)).sum()
}
