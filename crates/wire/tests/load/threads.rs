//! Connections on threads of the server's own.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread;

use firekeep_core::{Result, fields};
use firekeep_wire::{DatabaseName, Databases, Hosted, Server};
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::firestore_client::FirestoreClient;
use tonic::transport::Channel;

use crate::ground::{DATABASE, Ground, PATIENCE, listen};

/// How many calls came on each thread.
type Calls = Arc<Mutex<BTreeMap<String, usize>>>;

/// A database that counts where it is asked for.
#[derive(Debug)]
struct Counted(Hosted, Calls);

impl Databases for Counted {
    fn database(&self, name: &DatabaseName) -> Result<Hosted> {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        *self.1.lock().unwrap().entry(thread).or_default() += 1;
        self.0.database(name)
    }
}

async fn on_two_threads() -> (Ground, Calls) {
    let calls = Calls::default();
    let counted = Arc::clone(&calls);
    let two = NonZeroUsize::new(2).unwrap();
    let server = move |hosted| Server::new(Counted(hosted, counted)).threads(two).unwrap();
    (Ground::with(server).await, calls)
}

async fn get(client: &mut FirestoreClient<Channel>) {
    let name = format!("{DATABASE}/documents/c/a");
    let request = proto::GetDocumentRequest { name, ..Default::default() };
    client.get_document(request).await.unwrap();
}

fn counts(counts: &[(&str, usize)]) -> BTreeMap<String, usize> {
    counts.iter().map(|(thread, count)| ((*thread).to_owned(), *count)).collect()
}

#[tokio::test]
async fn connections_go_to_the_thread_that_has_the_fewest_and_stay_there() {
    let (ground, calls) = on_two_threads().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    let mut one = ground.client().await;
    get(&mut one).await;
    let mut two = ground.client().await;
    for _ in 0..3 {
        get(&mut two).await;
    }
    get(&mut one).await;
    let expected = counts(&[("connections-0", 2), ("connections-1", 3)]);
    assert_eq!(*calls.lock().unwrap(), expected);
    // A thread whose connections are over has the fewest again.
    drop(one);
    let again = async {
        while calls.lock().unwrap()["connections-0"] == 2 {
            get(&mut ground.client().await).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("it is never given another");
}

#[tokio::test]
async fn streams_on_threads_are_told_of_writes_and_end_with_the_server() {
    let (ground, calls) = on_two_threads().await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(listen(ground.client().await, 1).await);
    }
    for stream in &mut streams {
        assert!(stream.snapshot().await.is_empty());
    }
    assert_eq!(calls.lock().unwrap().len(), 2, "both threads have streams");
    ground.set("c/a", fields! { "n" => 1 }).await;
    for stream in &mut streams {
        assert_eq!(stream.snapshot().await.len(), 1);
    }
    ground.stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, ground.served).await.expect("it waits for something").unwrap();
    for stream in streams {
        tokio::time::timeout(PATIENCE, stream.rest()).await.expect("a stream is still open");
    }
}

/// What a caller drops is over on every thread, also what a thread does for nobody.
#[tokio::test]
async fn a_server_that_is_dropped_cuts_the_connections_of_its_threads() {
    let (ground, _) = on_two_threads().await;
    let mut stream = listen(ground.client().await, 1).await;
    assert!(stream.snapshot().await.is_empty());
    ground.served.abort();
    tokio::time::timeout(PATIENCE, stream.rest()).await.expect("the stream is still open");
    ground.no_watch_is_left().await;
}
