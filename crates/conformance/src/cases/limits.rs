//! Sizes: what just fits, and what is refused.

use firekeep_core::{
    Commit, DocPath, ErrorKind, Fields, TransformOp, Value, Write, document::MAX_DOCUMENT_BYTES,
    field, fields,
};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "limits":
    a_document_of_exactly_one_mebibyte_fits, a_document_one_byte_larger_is_refused,
    a_merge_may_not_grow_a_document_too_large, a_union_may_not_grow_a_document_too_large,
    a_request_beyond_10_mebibytes_is_refused [EnforcesRequestSize],
    a_request_of_9_mebibytes_is_taken [EnforcesRequestSize],
    a_commit_may_have_more_than_500_writes, empty_vectors_are_refused,
    nesting_beyond_20_is_refused, arrays_directly_in_arrays_are_refused,
    vectors_directly_in_arrays_are_refused,
    vectors_beyond_2048_are_refused, field_names_beyond_1500_bytes_are_refused,
    reserved_field_names_are_refused, an_operand_beyond_1500_bytes_is_refused,
    a_field_name_of_1500_bytes_is_kept,
    a_refused_size_leaves_the_document_alone,
}

/// Fields that make the document at `path` exactly `size` bytes, in text of at most a third each.
fn filled(path: &DocPath, size: usize) -> Fields {
    let part = "x".repeat(size / 3);
    let mut fields = fields! { "a" => &part, "b" => &part, "c" => "" };
    let rest = size - firekeep_core::document::size_of(path, &fields);
    fields.insert("c".to_owned(), "x".repeat(rest).into());
    assert_eq!(firekeep_core::document::size_of(path, &fields), size);
    fields
}

async fn a_document_of_exactly_one_mebibyte_fits(cx: Ctx) {
    let fields = filled(&cx.doc("a"), MAX_DOCUMENT_BYTES);
    cx.put("a", fields).await;
    assert_eq!(cx.fetch("a").await.size(), MAX_DOCUMENT_BYTES);
}

async fn a_document_one_byte_larger_is_refused(cx: Ctx) {
    let fields = filled(&cx.doc("a"), MAX_DOCUMENT_BYTES + 1);
    refused(cx.db().set(cx.doc("a"), fields).await, ErrorKind::InvalidArgument);
    assert!(cx.find("a").await.is_none());
}

async fn a_merge_may_not_grow_a_document_too_large(cx: Ctx) {
    cx.put("a", filled(&cx.doc("a"), MAX_DOCUMENT_BYTES)).await;
    let answer = cx.db().merge(cx.doc("a"), fields! { "d" => 1 }).await;
    refused(answer, ErrorKind::InvalidArgument);
    assert_eq!(cx.fetch("a").await.get("d"), None);
}

async fn a_union_may_not_grow_a_document_too_large(cx: Ctx) {
    cx.put("a", filled(&cx.doc("a"), MAX_DOCUMENT_BYTES)).await;
    let union = TransformOp::ArrayUnion(vec!["more".into()]);
    let write = Write::transform(cx.doc("a")).with("d", union).unwrap();
    refused(cx.db().write(write).await, ErrorKind::InvalidArgument);
}

/// Writes of a little less than a mebibyte each.
fn large_writes(cx: &Ctx, count: usize) -> Vec<Write> {
    let write = |n: usize| {
        let path = cx.doc(&n.to_string());
        Write::replace(path.clone(), filled(&path, MAX_DOCUMENT_BYTES - 1024)).unwrap()
    };
    (0..count).map(write).collect()
}

async fn a_request_beyond_10_mebibytes_is_refused(cx: Ctx) {
    refused(cx.db().commit(large_writes(&cx, 11)).await, ErrorKind::InvalidArgument);
    assert_eq!(cx.db().count(cx.query()).await.unwrap(), 0);
}

async fn a_request_of_9_mebibytes_is_taken(cx: Ctx) {
    cx.db().commit(large_writes(&cx, 9)).await.unwrap();
    assert_eq!(cx.db().count(cx.query()).await.unwrap(), 9);
}

async fn a_commit_may_have_more_than_500_writes(cx: Ctx) {
    let write = |n: i64| {
        let path = cx.doc(&format!("{n:03}"));
        Write::replace(path, fields! { "n" => n }).unwrap()
    };
    let commit = Commit::of_any_length((0..750).map(write).collect()).unwrap();
    let committed = cx.store().commit(cx.cx(), commit).await.unwrap();
    assert_eq!(committed.writes.len(), 750);
    let rows = cx.db().query(cx.query()).await.unwrap();
    assert_eq!(rows.len(), 750);
    assert!(rows.iter().all(|row| row.updated() == committed.commit_time));
}

async fn empty_vectors_are_refused(cx: Ctx) {
    let empty = fields! { "v" => Value::Vector(vec![]) };
    refused(cx.db().set(cx.doc("a"), empty).await, ErrorKind::InvalidArgument);
}

async fn nesting_beyond_20_is_refused(cx: Ctx) {
    let deep = (0..21).fold(Value::from(1), |inner, _| fields! { "m" => inner }.into());
    refused(cx.db().set(cx.doc("a"), fields! { "v" => deep }).await, ErrorKind::InvalidArgument);
}

async fn arrays_directly_in_arrays_are_refused(cx: Ctx) {
    let nested = Value::Array(vec![Value::Array(vec![])]);
    refused(cx.db().set(cx.doc("a"), fields! { "v" => nested }).await, ErrorKind::InvalidArgument);
}

async fn vectors_directly_in_arrays_are_refused(cx: Ctx) {
    let nested = Value::Array(vec![Value::Vector(vec![1.0])]);
    refused(cx.db().set(cx.doc("a"), fields! { "v" => nested }).await, ErrorKind::InvalidArgument);
}

async fn vectors_beyond_2048_are_refused(cx: Ctx) {
    let vector = Value::Vector(vec![0.0; 2_049]);
    refused(cx.db().set(cx.doc("a"), fields! { "v" => vector }).await, ErrorKind::InvalidArgument);
}

async fn field_names_beyond_1500_bytes_are_refused(cx: Ctx) {
    let fields = fields! { "n".repeat(1_501) => 1 };
    refused(cx.db().set(cx.doc("a"), fields).await, ErrorKind::InvalidArgument);
    refused(cx.db().set(cx.doc("a"), fields! { "" => 1 }).await, ErrorKind::InvalidArgument);
}

async fn reserved_field_names_are_refused(cx: Ctx) {
    for name in ["__x__", "____", "__name__"] {
        refused(cx.db().set(cx.doc("a"), fields! { name => 1 }).await, ErrorKind::InvalidArgument);
    }
}

async fn an_operand_beyond_1500_bytes_is_refused(cx: Ctx) {
    let long = |n: usize| "x".repeat(n);
    cx.put("a", fields! { "v" => long(1_499) }).await;
    assert_eq!(cx.ids(cx.query().filter(field("v").eq(long(1_499)))).await, ["a"]);
    let answer = cx.db().query(cx.query().filter(field("v").eq(long(1_501)))).await;
    refused(answer, ErrorKind::InvalidArgument);
}

async fn a_field_name_of_1500_bytes_is_kept(cx: Ctx) {
    let fields = fields! { "n".repeat(1_500) => 1 };
    cx.put("a", fields.clone()).await;
    assert_eq!(cx.fields_of("a").await, fields);
}

async fn a_refused_size_leaves_the_document_alone(cx: Ctx) {
    let version = cx.put("a", fields! { "v" => 1 }).await.version;
    let fields = filled(&cx.doc("a"), MAX_DOCUMENT_BYTES + 1);
    let small = Write::replace(cx.doc("b"), fields! {}).unwrap();
    let large = Write::replace(cx.doc("a"), fields).unwrap();
    refused(cx.db().commit(vec![small, large]).await, ErrorKind::InvalidArgument);
    assert_eq!(Some(cx.fetch("a").await.version()), version);
    assert!(cx.find("b").await.is_none());
}
