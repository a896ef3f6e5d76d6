//! Writes, their masks, transforms and preconditions.

use firekeep_core::{Error, FieldPath, Require, Result, TransformOp, Version, Write};

use super::value::elements;
use super::{check_field_path, field_path, fields, timestamp, value};
use crate::name::DatabaseName;
use crate::proto::document_transform::FieldTransform;
use crate::proto::document_transform::field_transform::{ServerValue, TransformType};
use crate::proto::precondition::ConditionType;
use crate::proto::{self, DocumentMask, Precondition, WriteOperation};

/// The write in a message.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument), naming the document, for what
/// core's constructors refuse, a name elsewhere, or a message without an operation.
pub(crate) fn write(database: &DatabaseName, write: proto::Write) -> Result<Write> {
    let required = require(write.current_document)?;
    let (change, transforms) = match write.operation {
        None => return Err(Error::invalid("empty write operation")),
        Some(WriteOperation::Update(document)) => {
            let path = database.path(&document.name)?;
            let fields = fields(database, document.fields).map_err(|error| error.at_path(&path))?;
            let change = match write.update_mask {
                None => Write::replace(path, fields)?,
                Some(paths) => Write::merge_masked(path, fields, mask(paths)?)?,
            };
            (change, write.update_transforms)
        }
        Some(WriteOperation::Delete(name)) => {
            (Write::delete(database.path(&name)?), write.update_transforms)
        }
        Some(WriteOperation::Verify(name)) => {
            let path = database.path(&name)?;
            let required = required
                .ok_or_else(|| Error::invalid("a verify says what must hold").at_path(&path))?;
            return Ok(Write::verify(path, required));
        }
        Some(WriteOperation::Transform(transform)) => {
            (Write::transform(database.path(&transform.document)?), transform.field_transforms)
        }
    };
    let change = match required {
        Some(required) => change.require(required),
        None => change,
    };
    transforms.into_iter().try_fold(change, |write, transform| {
        let (field, op) = transform_op(database, transform)?;
        write.with(&field, op)
    })
}

/// What must hold; an empty precondition is none.
///
/// # Errors
/// `InvalidArgument` for a time out of range.
pub(crate) fn require(precondition: Option<Precondition>) -> Result<Option<Require>> {
    Ok(match precondition.and_then(|precondition| precondition.condition_type) {
        None => None,
        Some(ConditionType::Exists(true)) => Some(Require::Present),
        Some(ConditionType::Exists(false)) => Some(Require::Absent),
        Some(ConditionType::UpdateTime(time)) => {
            Some(Require::Version(Version::at(timestamp(time)?)))
        }
    })
}

/// The paths in a mask.
///
/// # Errors
/// `InvalidArgument` for a malformed path.
pub(crate) fn mask(mask: DocumentMask) -> Result<Vec<FieldPath>> {
    mask.field_paths.iter().map(|path| field_path(path)).collect()
}

fn transform_op(
    database: &DatabaseName,
    transform: FieldTransform,
) -> Result<(String, TransformOp)> {
    let field = transform.field_path;
    check_field_path(&field)?;
    let op = match transform.transform_type {
        Some(TransformType::SetToServerValue(kind)) if kind == ServerValue::RequestTime as i32 => {
            TransformOp::CommitTime
        }
        Some(TransformType::Increment(operand)) => {
            TransformOp::Increment(value(database, operand)?)
        }
        Some(TransformType::Maximum(operand)) => TransformOp::Maximum(value(database, operand)?),
        Some(TransformType::Minimum(operand)) => TransformOp::Minimum(value(database, operand)?),
        Some(TransformType::AppendMissingElements(array)) => {
            TransformOp::ArrayUnion(elements(database, array.values)?)
        }
        Some(TransformType::RemoveAllFromArray(array)) => {
            TransformOp::ArrayRemove(elements(database, array.values)?)
        }
        Some(TransformType::SetToServerValue(_)) | None => {
            return Err(Error::invalid("a transform says how to change its field").at_path(field));
        }
    };
    Ok((field, op))
}
