//! The server that tests get of a memory store.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use firekeep_core::{Db, ErrorKind, Store, fields};
use firekeep_memory::MemoryStore;
use firekeep_testkit::backend::NO_INDEXES;
use firekeep_testkit::{TestBackend, WireServer};

#[tokio::test]
async fn the_client_reads_what_memory_holds_and_memory_what_it_wrote() {
    let server = WireServer::start(MemoryStore::new());
    let (db, memory) = (Db::new(server.client()), Db::new(server.memory().clone()));
    db.set("c/far", fields! { "n" => 1 }).await.unwrap();
    memory.set("c/near", fields! { "n" => 2 }).await.unwrap();
    assert_eq!(memory.get("c/far").await.unwrap(), db.get("c/far").await.unwrap());
    assert_eq!(db.get("c/near").await.unwrap().unwrap().get("n"), Some(&2.into()));
    server.control().clear();
    assert!(db.get("c/near").await.unwrap().is_none());
}

#[tokio::test]
async fn a_database_of_another_name_is_reached_under_it() {
    let store = MemoryStore::builder().database("projects/other-1/databases/second").build();
    let server = WireServer::start(store);
    let client = server.client();
    assert_eq!(client.info().database, server.memory().info().database);
    Db::new(client).set("c/d", fields! {}).await.unwrap();
    let elsewhere = firekeep_firestore::FirestoreStore::builder("other-1")
        .emulator(server.address().to_string())
        .build()
        .unwrap();
    assert!(Db::new(elsewhere).get("c/d").await.is_err());
}

#[tokio::test]
async fn time_is_the_test_s_on_both_sides() {
    let backend = TestBackend::on_wire(NO_INDEXES);
    let (db, clock) = (backend.db(), backend.clock().unwrap());
    db.set("c/d", fields! {}).await.unwrap();
    let first = db.get("c/d").await.unwrap().unwrap().updated();
    clock.advance(Duration::from_secs(100));
    db.set("c/d", fields! { "n" => 1 }).await.unwrap();
    let second = db.get("c/d").await.unwrap().unwrap().updated();
    assert_eq!(second.since(first), Duration::from_secs(100));
    let txn = backend.db().store().begin(db.cx(), Default::default()).await.unwrap();
    clock.advance(Duration::from_secs(61));
    let commit = firekeep_core::Commit::new(Vec::new()).unwrap().in_txn(txn);
    let error = db.store().commit(db.cx(), commit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionExpired);
}

#[test]
fn a_dropped_server_frees_its_port() {
    let server = WireServer::start(MemoryStore::new());
    let address = server.address();
    let open = TcpStream::connect(address).unwrap();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    drop(open);
    assert!(TcpListener::bind(address).is_ok());
}
