use firekeep_core::{Document, FieldPath, TxnId, Version, fields};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::conv::tests::{database, document, sent};
use crate::proto;
use crate::proto::document_transform::FieldTransform;
use crate::proto::document_transform::field_transform::TransformType;
use crate::proto::precondition::ConditionType;
use crate::proto::value::ValueType;
use crate::proto::write::Operation;

fn message(commit: &Commit) -> proto::CommitRequest {
    let written = super::commit(&database(), commit).unwrap();
    proto::CommitRequest::decode(written.written()).unwrap()
}

fn path() -> DocPath {
    DocPath::new("c/x").unwrap()
}

/// What the server is to see of a document that is written.
fn update(document: &Document) -> Operation {
    let message = sent(document);
    Operation::Update(proto::Document { create_time: None, update_time: None, ..message })
}

proptest! {
    #[test]
    fn fields_are_written_as_the_generated_messages_have_them(document in document()) {
        let (path, fields) = (document.path().clone(), document.fields().clone());
        // Names that no field may have are refused before anything is written.
        if let Ok(write) = Write::replace(path, fields) {
            let written = message(&write.into());
            prop_assert_eq!(&*written.database, "projects/p/databases/d");
            // Compared as bytes, because in messages no NaN equals itself.
            let operation = Some(update(&document));
            let expected = proto::Write { operation, ..Default::default() };
            prop_assert_eq!(written.writes[0].encode_to_vec(), expected.encode_to_vec());
        }
    }
}

#[test]
fn writes_keep_their_order() {
    let writes = (0..300).map(|n| Write::delete(DocPath::new(format!("c/{n}")).unwrap()));
    let commit = Commit::new(writes.collect()).unwrap().in_txn(TxnId::new(&b"txn"[..]));
    let written = message(&commit);
    assert_eq!(&*written.transaction, b"txn");
    for (n, write) in written.writes.iter().enumerate() {
        let name = format!("projects/p/databases/d/documents/c/{n}");
        assert_eq!(write.operation, Some(Operation::Delete(name)));
    }
}

#[test]
fn a_mask_goes_along_even_if_it_is_empty() {
    let paths = ["a.b", "`c.d`"].map(|p| FieldPath::parse(p).unwrap());
    let merge = Write::merge_masked(path(), fields! {}, paths.to_vec()).unwrap();
    for (write, expected) in [
        (merge, Some(vec!["a.b".to_owned(), "`c.d`".to_owned()])),
        (Write::transform(path()), Some(vec![])),
        (Write::replace(path(), fields! {}).unwrap(), None),
    ] {
        let written = message(&write.into());
        let mask = written.writes[0].update_mask.clone().map(|mask| mask.field_paths);
        assert_eq!(mask, expected);
    }
}

#[test]
fn preconditions_are_said_even_if_they_are_false() {
    let time = Timestamp::from_micros(-1).unwrap();
    let at = prost_types::Timestamp { seconds: -1, nanos: 999_999_000 };
    for (require, expected) in [
        (Require::Absent, ConditionType::Exists(false)),
        (Require::Present, ConditionType::Exists(true)),
        (Require::Version(Version::at(time)), ConditionType::UpdateTime(at)),
    ] {
        let written = message(&Write::delete(path()).require(require).into());
        let condition = written.writes[0].current_document.unwrap().condition_type;
        assert_eq!(condition, Some(expected));
    }
}

/// A write as far as the generated message does not know it.
#[derive(Clone, PartialEq, prost::Message)]
struct Verifying {
    #[prost(message, optional, tag = "4")]
    current_document: Option<proto::Precondition>,
    #[prost(string, tag = "5")]
    verify: String,
}

#[test]
fn a_verify_is_the_fifth_field_and_carries_its_precondition() {
    let mut to = Backward::with_capacity(0);
    write(&database(), &Write::verify(path(), Require::Present), &mut to).unwrap();
    let verifying = Verifying::decode(to.written()).unwrap();
    assert_eq!(verifying.verify, "projects/p/databases/d/documents/c/x");
    assert!(verifying.current_document.is_some());
}

#[test]
fn transforms_follow_in_order() {
    let value = |value_type| proto::Value { value_type: Some(value_type) };
    let integer = |n| value(ValueType::IntegerValue(n));
    let array = || proto::ArrayValue { values: vec![integer(1), integer(2)] };
    let elements = || vec![1.into(), 2.into()];
    let cases = [
        (TransformOp::Increment(1.into()), TransformType::Increment(integer(1))),
        (
            TransformOp::Maximum(0.5.into()),
            TransformType::Maximum(value(ValueType::DoubleValue(0.5))),
        ),
        (TransformOp::Minimum((-1).into()), TransformType::Minimum(integer(-1))),
        (TransformOp::ArrayUnion(elements()), TransformType::AppendMissingElements(array())),
        (TransformOp::ArrayRemove(elements()), TransformType::RemoveAllFromArray(array())),
        (TransformOp::CommitTime, TransformType::SetToServerValue(1)),
    ];
    let mut write = Write::transform(path());
    let mut expected = Vec::new();
    for (op, kind) in cases {
        write = write.with("a.`b`", op).unwrap();
        let field_path = "a.b".to_owned();
        expected.push(FieldTransform { field_path, transform_type: Some(kind) });
    }
    assert_eq!(message(&write.into()).writes[0].update_transforms, expected);
}
