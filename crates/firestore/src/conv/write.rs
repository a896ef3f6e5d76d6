//! Writes.

use firekeep_core::{Change, Error, Fields, Require, Result, Transform, TransformOp, Value, Write};

use super::document::mask_to_proto;
use super::timestamp_to_proto;
use super::value::{fields_to_proto, value_to_proto, values_to_proto};
use crate::database::Database;
use crate::proto::document_transform::FieldTransform;
use crate::proto::document_transform::field_transform::{ServerValue, TransformType};
use crate::proto::precondition::ConditionType;
use crate::proto::{self, ArrayValue, Operation, Precondition};

/// The write as a message.
pub(crate) fn write_to_proto(database: &Database, write: &Write) -> Result<proto::Write> {
    let name = database.doc_name(write.path());
    let (operation, update_mask) = match write.change() {
        Change::Replace(fields) => (update(database, name, fields)?, None),
        Change::Merge { fields, mask } => {
            (update(database, name, fields)?, Some(mask_to_proto(mask)))
        }
        Change::Delete => (Operation::Delete(name), None),
        Change::Verify => (Operation::Verify(name), None),
        _ => return Err(Error::invalid("Firestore has no such write").at_path(write.path())),
    };
    let transforms = write.transforms().iter().map(|t| transform(database, t));
    Ok(proto::Write {
        update_mask,
        current_document: write.required().map(precondition),
        update_transforms: transforms.collect::<Result<_>>()?,
        operation: Some(operation),
    })
}

fn update(database: &Database, name: String, fields: &Fields) -> Result<Operation> {
    let fields = fields_to_proto(database, fields)?;
    Ok(Operation::Update(proto::Document { name, fields, create_time: None, update_time: None }))
}

fn precondition(require: Require) -> Precondition {
    let condition = match require {
        Require::Absent => ConditionType::Exists(false),
        Require::Present => ConditionType::Exists(true),
        Require::Version(version) => ConditionType::UpdateTime(timestamp_to_proto(version.time())),
    };
    Precondition { condition_type: Some(condition) }
}

fn transform(database: &Database, transform: &Transform) -> Result<FieldTransform> {
    let value = |value: &Value| value_to_proto(database, value);
    let array = |elements: &[Value]| {
        Ok::<_, Error>(ArrayValue { values: values_to_proto(database, elements)? })
    };
    let kind = match &transform.op {
        TransformOp::Increment(operand) => TransformType::Increment(value(operand)?),
        TransformOp::Maximum(operand) => TransformType::Maximum(value(operand)?),
        TransformOp::Minimum(operand) => TransformType::Minimum(value(operand)?),
        TransformOp::ArrayUnion(elements) => TransformType::AppendMissingElements(array(elements)?),
        TransformOp::ArrayRemove(elements) => TransformType::RemoveAllFromArray(array(elements)?),
        TransformOp::CommitTime => TransformType::SetToServerValue(ServerValue::RequestTime.into()),
        _ => return Err(Error::invalid("Firestore has no such transform")),
    };
    Ok(FieldTransform { field_path: transform.field.to_string(), transform_type: Some(kind) })
}
