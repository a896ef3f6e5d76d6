//! Committing.

use firekeep_core::{
    BatchGet, Commit, DocPath, Effect, ErrorKind, FieldPath, Require, Store, TransformOp, Value,
    Write, fields,
};

use crate::database::{db, store, within};

fn path(text: &str) -> DocPath {
    DocPath::new(text).unwrap()
}

#[tokio::test]
async fn versions_and_transform_results_come_back_in_order() {
    let (store, cx) = (store(), within(30));
    let write = Write::replace(path("c/x"), fields! { "n" => 1, "a" => [1, 2] }).unwrap();
    let write = write.with("n", TransformOp::Increment(4.into())).unwrap();
    let write = write.with("a", TransformOp::ArrayUnion(vec![2.into(), 3.into()])).unwrap();
    let write = write.with("at", TransformOp::CommitTime).unwrap();
    let write = write.with("n", TransformOp::Maximum(9.5.into())).unwrap();
    let write = write.with("n", TransformOp::Minimum(2.into())).unwrap();
    let write = write.with("a", TransformOp::ArrayRemove(vec![1.into()])).unwrap();
    let commit = Commit::new(vec![write, Write::delete(path("c/y"))]).unwrap();
    let done = store.commit(&cx, commit).await.unwrap();
    let results = &done.writes[0].transform_results;
    assert_eq!(results[0], Value::Integer(5));
    assert_eq!(results[1], Value::Null);
    assert!(results[2].as_timestamp().is_some());
    assert_eq!(results[3], Value::Double(9.5));
    assert_eq!(results[4], Value::Integer(2));
    assert_eq!(done.writes[0].version.unwrap().time(), done.commit_time);
    assert_eq!(done.writes[1].version, None);
    let read = store.batch_get(&cx, BatchGet::new(vec![path("c/x")])).await.unwrap();
    let document = read.lookups[0].document.clone().unwrap();
    assert_eq!(document.get("a"), Some(&Value::from([2, 3])));
    assert_eq!(document.version(), done.writes[0].version.unwrap());
}

#[tokio::test]
async fn a_merge_changes_its_mask_and_nothing_else() {
    let db = db();
    let whole = fields! { "keep" => 1, "m" => fields! { "a" => 1, "b" => 2 }, "gone" => true };
    db.write(Write::replace(path("c/x"), whole).unwrap()).await.unwrap();
    let mask = ["m.a", "gone"].map(|m| FieldPath::parse(m).unwrap()).to_vec();
    let fields = fields! { "m" => fields! { "a" => 9 } };
    db.write(Write::merge_masked(path("c/x"), fields, mask).unwrap()).await.unwrap();
    let read = db.get("c/x").await.unwrap().unwrap().into_fields();
    assert_eq!(read, fields! { "keep" => 1, "m" => fields! { "a" => 9, "b" => 2 } });
}

#[tokio::test]
async fn preconditions_are_refused_by_kind() {
    let db = db();
    let put = || Write::replace(path("c/x"), fields! { "n" => 1 }).unwrap();
    let missing = db.write(put().require(Require::Present)).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let stale = db.write(put().require(Require::Absent)).await.unwrap().version.unwrap();
    let twice = db.write(put().require(Require::Absent)).await.unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::AlreadyExists);
    let new = Write::replace(path("c/x"), fields! { "n" => 2 }).unwrap();
    db.write(new.require(Require::Version(stale))).await.unwrap();
    let late = db.write(put().require(Require::Version(stale))).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::FailedPrecondition);
    assert_eq!(late.effect(), Effect::None);
}

#[tokio::test]
async fn a_verify_touches_nothing_and_fails_the_whole() {
    let (store, cx) = (store(), within(30));
    let put = |id: &str| Write::replace(path(id), fields! { "n" => 1 }).unwrap();
    let first = store.commit(&cx, put("c/guard").into()).await.unwrap();
    let version = first.writes[0].version.unwrap();
    let guarded = |require| {
        let verify = Write::verify(path("c/guard"), require);
        Commit::new(vec![verify, put("c/x")]).unwrap()
    };
    let done = store.commit(&cx, guarded(Require::Version(version))).await.unwrap();
    assert_eq!(done.writes[0].version, None);
    let guard = store.batch_get(&cx, BatchGet::new(vec![path("c/guard")])).await.unwrap();
    assert_eq!(guard.lookups[0].document.as_ref().unwrap().version(), version);
    store.commit(&cx, Write::delete(path("c/x")).into()).await.unwrap();
    let refused = store.commit(&cx, guarded(Require::Absent)).await.unwrap_err();
    assert!(refused.is_refused_precondition(), "{refused}");
    let left = store.batch_get(&cx, BatchGet::new(vec![path("c/x")])).await.unwrap();
    assert!(left.lookups[0].document.is_none());
}

#[tokio::test]
async fn a_commit_without_writes_has_a_time_all_the_same() {
    let (store, cx) = (store(), within(30));
    let put = Write::replace(path("c/x"), fields! {}).unwrap();
    let before = store.commit(&cx, put.into()).await.unwrap();
    let empty = store.commit(&cx, Commit::new(vec![]).unwrap()).await.unwrap();
    assert!(empty.commit_time >= before.commit_time);
    assert!(empty.writes.is_empty());
}

#[tokio::test]
async fn a_request_beyond_ten_mebibytes_is_refused_before_it_is_sent() {
    let (store, cx) = (store(), within(30));
    let big = "x".repeat(1_000_000);
    let writes = (0..11)
        .map(|n| Write::replace(path(&format!("c/{n}")), fields! { "big" => &big }).unwrap());
    let commit = Commit::new(writes.collect()).unwrap();
    let error = store.commit(&cx, commit).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::InvalidArgument, Effect::None));
    assert!(error.to_string().contains("at most 10485760 bytes"), "{error}");
}

#[tokio::test]
async fn a_document_that_is_too_big_is_an_invalid_argument() {
    let (store, cx) = (store(), within(30));
    let big = fields! { "big" => "x".repeat(1_048_576 / 2), "more" => "x".repeat(1_048_576 / 2) };
    let write = Write::replace(path("c/x"), big).unwrap();
    let error = store.commit(&cx, write.into()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::InvalidArgument, Effect::None));
}
