//! What is told of documents and queries.

use firekeep_core::fields;

use crate::ground::{Ground, brief, collection, documents, token};

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
