//! Our own client's watches.

use firekeep_core::{DocumentChange, Query, WatchEvent, WatchFrom, WatchRequest, WatchTarget};
use firekeep_core::{Result, Store, fields};
use firekeep_firestore::FirestoreStore;
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::ground::Ground;

/// The paths changed in the next batch, those removed with a `-`.
async fn batch(watch: &mut BoxStream<'static, Result<WatchEvent>>) -> Vec<String> {
    loop {
        if let WatchEvent::Batch(batch) = watch.next().await.unwrap().unwrap() {
            let changes = batch.changes.iter().map(|change| match change {
                DocumentChange::Set(document) => document.path().to_string(),
                DocumentChange::Removed(path) => format!("-{path}"),
            });
            return changes.collect();
        }
    }
}

#[tokio::test]
async fn our_own_client_follows_a_query() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    let store = FirestoreStore::builder("demo").emulator(&ground.host).build().unwrap();
    let query = Query::collection("c").build().unwrap();
    let target = WatchTarget::Query(query.into());
    let mut watch =
        store.watch(&Default::default(), WatchRequest { target, from: WatchFrom::Start });
    assert_eq!(batch(&mut watch).await, ["c/a"]);
    ground.set("c/b", fields! { "n" => 1 }).await;
    assert_eq!(batch(&mut watch).await, ["c/b"]);
    ground.delete("c/a").await;
    assert_eq!(batch(&mut watch).await, ["-c/a"]);
}
