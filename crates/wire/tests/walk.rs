//! The thinnest whole path: our own client, the protocol, the memory store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use firekeep_core::{Db, Store, Write, field, fields};
use firekeep_firestore::FirestoreStore;
use firekeep_memory::MemoryStore;
use firekeep_wire::{Hosted, Server};
use tokio::net::TcpListener;

/// A client of a server of its own.
async fn client() -> Db {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = Server::new(Hosted::new(store)).serve(listener, std::future::pending());
    #[allow(clippy::disallowed_methods, reason = "the test's runtime ends the server")]
    tokio::spawn(server);
    Db::new(FirestoreStore::builder("demo").emulator(host).build().unwrap())
}

#[tokio::test]
async fn what_is_written_is_read_and_found() {
    let db = client().await;
    let written = fields! { "n" => 1, "s" => "x", "m" => fields! { "a" => [1.5] } };
    db.write(Write::create("c/d".try_into().unwrap(), written.clone()).unwrap()).await.unwrap();
    let found = db.get("c/d").await.unwrap().unwrap();
    assert_eq!(*found.fields(), written);
    let query = firekeep_core::Query::collection("c").filter(field("n").gt(0)).build().unwrap();
    let rows = db.query(query).await.unwrap();
    assert_eq!(rows.len(), 1);
    let again = Write::create("c/d".try_into().unwrap(), fields! {}).unwrap();
    let error = db.write(again).await.unwrap_err();
    assert_eq!(error.kind(), firekeep_core::ErrorKind::AlreadyExists);
}
