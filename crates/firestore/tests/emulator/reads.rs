//! Reading by path.

use firekeep_core::{
    BatchGet, DocPath, ErrorKind, FieldPath, ReadAt, Store, TxnOptions, Write, fields,
};

use crate::database::{store, within};

fn path(text: &str) -> DocPath {
    DocPath::new(text).unwrap()
}

#[tokio::test]
async fn answers_come_in_request_order_with_repeats_and_missing_ones() {
    let (store, cx) = (store(), within(30));
    let write =
        |id: &str| Write::replace(path(&format!("c/{id}")), fields! { "id" => id }).unwrap();
    let writes = vec![write("a"), write("b"), write("c")];
    store.commit(&cx, firekeep_core::Commit::new(writes).unwrap()).await.unwrap();
    let ids = ["c", "missing", "a", "c", "b", "missing"];
    let paths: Vec<_> = ids.iter().map(|id| path(&format!("c/{id}"))).collect();
    let answer = store.batch_get(&cx, BatchGet::new(paths.clone())).await.unwrap();
    let found: Vec<_> = answer.lookups.iter().map(|lookup| lookup.path.clone()).collect();
    assert_eq!(found, paths);
    for (lookup, id) in answer.lookups.iter().zip(ids) {
        let value = lookup.document.as_ref().map(|d| d.get("id").unwrap().as_str().unwrap());
        assert_eq!(value, (id != "missing").then_some(id));
    }
    assert!(answer.lookups.iter().all(|l| l.read_time == answer.lookups[0].read_time));
    assert_eq!(answer.txn, None);
}

#[tokio::test]
async fn no_path_needs_no_call() {
    let past = within(0);
    let answer = store().batch_get(&past, BatchGet::new(vec![])).await.unwrap();
    assert!(answer.lookups.is_empty());
}

#[tokio::test]
async fn a_mask_keeps_only_its_fields_and_an_empty_one_keeps_none() {
    let (store, cx) = (store(), within(30));
    let whole = fields! { "a" => 1, "b" => fields! { "c" => 2, "d" => 3 } };
    store.commit(&cx, Write::replace(path("c/x"), whole).unwrap().into()).await.unwrap();
    let masked = |mask: &[&str]| BatchGet {
        paths: vec![path("c/x")],
        mask: Some(mask.iter().map(|m| FieldPath::parse(m).unwrap()).collect()),
        at: ReadAt::Latest,
    };
    let got = |answer: firekeep_core::Lookups| {
        answer.lookups.into_iter().next().unwrap().document.unwrap().into_fields()
    };
    let some = got(store.batch_get(&cx, masked(&["b.c"])).await.unwrap());
    assert_eq!(some, fields! { "b" => fields! { "c" => 2 } });
    assert_eq!(got(store.batch_get(&cx, masked(&[])).await.unwrap()), fields! {});
}

#[tokio::test]
async fn a_past_time_shows_what_was_then() {
    let (store, cx) = (store(), within(30));
    let put = |n: i64| Write::replace(path("c/x"), fields! { "n" => n }).unwrap();
    let first = store.commit(&cx, put(1).into()).await.unwrap();
    store.commit(&cx, put(2).into()).await.unwrap();
    let at = ReadAt::Time(first.commit_time);
    let request = BatchGet { paths: vec![path("c/x")], mask: None, at };
    let answer = store.batch_get(&cx, request).await.unwrap();
    let document = answer.lookups[0].document.as_ref().unwrap();
    assert_eq!(document.get("n").unwrap().as_integer(), Some(1));
    assert_eq!(document.updated(), first.commit_time);
    assert_eq!(document.created(), first.commit_time);
    assert_eq!(answer.lookups[0].read_time, first.commit_time);
}

#[tokio::test]
async fn a_read_can_begin_the_transaction_that_it_belongs_to() {
    let (store, cx) = (store(), within(30));
    for paths in [vec![path("c/x")], vec![]] {
        let at = ReadAt::Begin(TxnOptions::default());
        let answer = store.batch_get(&cx, BatchGet { paths, mask: None, at }).await.unwrap();
        let txn = answer.txn.expect("a transaction was begun");
        store.rollback(&cx, txn).await.unwrap();
    }
}

#[tokio::test]
async fn a_deadline_that_has_passed_sends_nothing() {
    let past = within(0);
    let error = store().batch_get(&past, BatchGet::new(vec![path("c/x")])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
}
