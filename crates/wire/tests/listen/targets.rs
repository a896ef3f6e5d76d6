//! What is told of documents and queries.

use firekeep_core::{Write, fields};
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::{StructuredQuery, Target, structured_query};

use crate::ground::{
    Ground, Told, above, brief, collection, documents, eventually, from, query, token,
};

#[tokio::test]
async fn a_query_is_told_whole_then_change_by_change() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    ground.set("c/b", fields! { "n" => 2 }).await;
    let mut listening = ground.listen_to([collection(7, "c")]).await;
    let first = listening.snapshot().await;
    let expected = ["add 7", "+7 c/a", "+7 c/b", "current 7", "consistent"];
    assert_eq!(brief(&first), expected);
    assert!(!token(&first).is_empty());
    ground.set("c/a", fields! { "n" => 3 }).await;
    assert_eq!(brief(&listening.snapshot().await), ["+7 c/a", "consistent"]);
    ground.delete("c/b").await;
    assert_eq!(brief(&listening.snapshot().await), ["-7 c/b", "consistent"]);
}

#[tokio::test]
async fn missing_documents_of_a_target_are_told_as_deleted() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    let mut listening = ground.listen_to([documents(1, &["c/a", "c/b", "d/x"])]).await;
    let expected = ["add 1", "+1 c/a", "-1 c/b", "-1 d/x", "current 1", "consistent"];
    assert_eq!(brief(&listening.snapshot().await), expected);
    ground.set("c/b", fields! {}).await;
    assert_eq!(brief(&listening.snapshot().await), ["+1 c/b", "consistent"]);
    ground.delete("c/b").await;
    assert_eq!(brief(&listening.snapshot().await), ["-1 c/b", "consistent"]);
}

#[tokio::test]
async fn a_document_that_leaves_is_told_apart_from_one_that_is_deleted() {
    let ground = Ground::new().await;
    for path in ["c/a", "c/b", "c/c"] {
        ground.set(path, fields! { "n" => 2 }).await;
    }
    let mut listening = ground.listen_to([query(1, above("c", 1))]).await;
    listening.snapshot().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    assert_eq!(brief(&listening.snapshot().await), ["<1 c/a", "consistent"]);
    ground.delete("c/b").await;
    assert_eq!(brief(&listening.snapshot().await), ["-1 c/b", "consistent"]);
    ground.set("c/a", fields! { "n" => 5 }).await;
    assert_eq!(brief(&listening.snapshot().await), ["+1 c/a", "consistent"]);
}

#[tokio::test]
async fn a_document_that_a_limit_pushes_out_leaves() {
    let ground = Ground::new().await;
    ground.set("c/b", fields! {}).await;
    ground.set("c/c", fields! {}).await;
    let limited = StructuredQuery { limit: Some(2), ..from("c") };
    let mut listening = ground.listen_to([query(1, limited)]).await;
    listening.snapshot().await;
    ground.set("c/a", fields! {}).await;
    let mut told = brief(&listening.snapshot().await);
    told.sort();
    assert_eq!(told, ["+1 c/a", "<1 c/c", "consistent"]);
}

#[tokio::test]
async fn a_projection_narrows_what_is_told() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! { "n" => 1, "m" => 2 }).await;
    let field = structured_query::FieldReference { field_path: "m".to_owned() };
    let select = structured_query::Projection { fields: vec![field] };
    let narrow = StructuredQuery { select: Some(select), ..from("c") };
    let mut listening = ground.listen_to([query(1, narrow)]).await;
    let told = listening.snapshot().await;
    let Told::Set(_, _, document) = &told[1] else { panic!("{told:?}") };
    assert_eq!(document.fields.keys().collect::<Vec<_>>(), ["m"]);
    assert!(document.update_time.is_some() && document.create_time.is_some());
}

#[tokio::test]
async fn one_write_among_ten_thousand_documents_is_one_change() {
    let ground = Ground::new().await;
    for part in 0..20 {
        let writes = (0..500).map(|n| {
            let path = format!("c/{}", part * 500 + n).try_into().unwrap();
            Write::replace(path, fields! { "n" => n }).unwrap()
        });
        ground.db.commit(writes.collect()).await.unwrap();
    }
    let mut listening = ground.listen_to([collection(1, "c")]).await;
    assert_eq!(listening.snapshot().await.len(), 10_003);
    ground.set("c/77", fields! { "n" => -1 }).await;
    assert_eq!(brief(&listening.snapshot().await), ["+1 c/77", "consistent"]);
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_not_told() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    let mut listening = ground.listen_to([collection(1, "c")]).await;
    listening.snapshot().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    ground.set("c/b", fields! {}).await;
    assert_eq!(brief(&listening.snapshot().await), ["+1 c/b", "consistent"]);
}

#[tokio::test]
async fn a_target_for_once_is_removed_when_it_is_told() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! {}).await;
    let once = Target { once: true, ..collection(3, "c") };
    let mut listening = ground.listen_to([once]).await;
    let told = brief(&listening.snapshot().await);
    assert_eq!(told, ["add 3", "+3 c/a", "current 3", "consistent"]);
    assert_eq!(listening.next().await.brief(), "remove 3");
    assert_eq!(ground.control.open_watches(), 0);
    // Its id is free again.
    listening.add(collection(3, "d")).await;
    assert_eq!(brief(&listening.snapshot().await), ["add 3", "current 3", "consistent"]);
}

#[tokio::test]
async fn a_target_that_is_removed_is_told_no_more() {
    let ground = Ground::new().await;
    let mut listening = ground.listen_to([collection(1, "c"), collection(2, "d")]).await;
    eventually(|| ground.control.open_watches() == 2).await;
    while listening.next().await.brief() != "current 2" {}
    listening.snapshot().await;
    listening.remove(99).await;
    listening.remove(1).await;
    assert_eq!(listening.next().await.brief(), "remove 1");
    assert_eq!(ground.control.open_watches(), 1);
    ground.set("c/a", fields! {}).await;
    ground.set("d/a", fields! {}).await;
    assert_eq!(brief(&listening.snapshot().await), ["+2 d/a", "consistent"]);
}
