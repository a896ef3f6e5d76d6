//! Commits.

use firekeep_core::{
    Change, Commit, DocPath, Error, Fields, Reference, Require, Result, Timestamp, Transform,
    TransformOp, Value, Write,
};

use super::backward::Backward;
use crate::conv::{TYPE_FIELD, VECTOR_FIELD, VECTOR_TYPE};
use crate::database::Database;

/// Writes a `CommitRequest`.
///
/// The generated message lacks the verify, and what it has would cost a copy of every name and
/// value on the way.
pub(crate) fn commit(database: &Database, commit: &Commit) -> Result<Backward> {
    let mut to = Backward::with_capacity(256 + 512 * commit.writes().len().min(16));
    if let Some(txn) = commit.txn() {
        to.bytes(3, txn.as_bytes());
    }
    for each in commit.writes().iter().rev() {
        to.message(2, |to| write(database, each, to))?;
    }
    to.bytes(1, database.name().as_bytes());
    Ok(to)
}

fn write(database: &Database, write: &Write, to: &mut Backward) -> Result<()> {
    for each in write.transforms().iter().rev() {
        to.message(7, |to| transform(database, each, to))?;
    }
    if let Some(require) = write.required() {
        to.message(4, |to| precondition(require, to));
    }
    match write.change() {
        Change::Replace(fields) => document(database, write.path(), fields, to),
        Change::Merge { fields, mask } => {
            to.message(3, |to| {
                mask.iter().rev().for_each(|path| to.bytes(1, path.to_string().as_bytes()));
            });
            document(database, write.path(), fields, to)
        }
        Change::Delete => {
            name(2, database, write.path(), to);
            Ok(())
        }
        Change::Verify => {
            name(5, database, write.path(), to);
            Ok(())
        }
        _ => Err(Error::invalid("Firestore has no such write").at_path(write.path())),
    }
}

fn document(database: &Database, path: &DocPath, fields: &Fields, to: &mut Backward) -> Result<()> {
    to.message(1, |to| {
        map(2, database, fields, to)?;
        name(1, database, path, to);
        Ok(())
    })
}

fn name(field: u32, database: &Database, path: &DocPath, to: &mut Backward) {
    to.message(field, |to| {
        to.put(path.as_str().as_bytes());
        to.put(database.prefix().as_bytes());
    });
}

/// Entries of a map of values; each is a message of its own.
fn map(field: u32, database: &Database, fields: &Fields, to: &mut Backward) -> Result<()> {
    for (name, content) in fields.iter().rev() {
        to.message(field, |to| {
            to.message(2, |to| value(database, content, to))?;
            to.bytes(1, name.as_bytes());
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

fn value(database: &Database, value: &Value, to: &mut Backward) -> Result<()> {
    match value {
        Value::Null => to.number(11, 0),
        Value::Bool(value) => to.number(1, u64::from(*value)),
        Value::Integer(value) => to.number(2, value.cast_unsigned()),
        Value::Double(value) => to.double(3, *value),
        Value::Timestamp(time) => timestamp(10, *time, to),
        Value::String(text) => to.bytes(17, text.as_bytes()),
        Value::Bytes(bytes) => to.bytes(18, bytes),
        Value::Reference(to_whom) => reference(database, to_whom, to),
        Value::GeoPoint(point) => to.message(8, |to| {
            to.double(2, point.longitude());
            to.double(1, point.latitude());
        }),
        Value::Array(elements) => to.message(9, |to| array(database, elements, to))?,
        Value::Vector(numbers) => to.message(6, |to| vector(numbers, to)),
        Value::Map(fields) => to.message(6, |to| map(1, database, fields, to))?,
        other => {
            let message = format!("Firestore has no values of type {}", other.type_name());
            return Err(Error::invalid(message));
        }
    }
    Ok(())
}

fn array(database: &Database, elements: &[Value], to: &mut Backward) -> Result<()> {
    elements.iter().rev().try_for_each(|e| to.message(1, |to| value(database, e, to)))
}

/// A vector travels as a map that says so.
fn vector(numbers: &[f64], to: &mut Backward) {
    to.message(1, |to| {
        to.message(2, |to| {
            to.message(9, |to| {
                numbers.iter().rev().for_each(|n| to.message(1, |to| to.double(3, *n)));
            });
        });
        to.bytes(1, VECTOR_FIELD.as_bytes());
    });
    to.message(1, |to| {
        to.message(2, |to| to.bytes(17, VECTOR_TYPE.as_bytes()));
        to.bytes(1, TYPE_FIELD.as_bytes());
    });
}

fn reference(database: &Database, reference: &Reference, to: &mut Backward) {
    match reference.database() {
        None => name(5, database, reference.path(), to),
        Some(owner) => to.message(5, |to| {
            to.put(reference.path().as_str().as_bytes());
            to.put(b"/documents/");
            to.put(owner.as_bytes());
        }),
    }
}

fn timestamp(field: u32, time: Timestamp, to: &mut Backward) {
    let (seconds, nanos) = time.to_parts();
    to.message(field, |to| {
        // Never negative: `to_parts` rounds the seconds down.
        to.number(2, u64::from(nanos.cast_unsigned()));
        to.number(1, seconds.cast_unsigned());
    });
}

fn precondition(require: Require, to: &mut Backward) {
    match require {
        Require::Absent => to.number(1, 0),
        Require::Present => to.number(1, 1),
        Require::Version(version) => timestamp(2, version.time(), to),
    }
}

fn transform(database: &Database, transform: &Transform, to: &mut Backward) -> Result<()> {
    let operand = |field, operand: &Value, to: &mut Backward| {
        to.message(field, |to| value(database, operand, to))
    };
    match &transform.op {
        TransformOp::CommitTime => to.number(2, 1),
        TransformOp::Increment(by) => operand(3, by, to)?,
        TransformOp::Maximum(with) => operand(4, with, to)?,
        TransformOp::Minimum(with) => operand(5, with, to)?,
        TransformOp::ArrayUnion(elements) => to.message(6, |to| array(database, elements, to))?,
        TransformOp::ArrayRemove(elements) => to.message(7, |to| array(database, elements, to))?,
        _ => return Err(Error::invalid("Firestore has no such transform")),
    }
    to.bytes(1, transform.field.to_string().as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests;
