//! The end of a server under load.

use std::time::Duration;

use firekeep_core::fields;
use futures::{StreamExt, stream};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::ground::{Ground, PATIENCE, each, listen};
use crate::memory::alone;

/// Streams, idle connections and calls without end: none holds up a server that stops. The clock
/// stands still, so that no timeout helps.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_under_load_stops_by_itself() {
    let _alone = alone().await;
    let ground = Ground::new().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    let mut idle = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..10 {
        idle.push(TcpStream::connect(&ground.host).await.unwrap());
        let client = ground.client().await;
        streams.extend(each((0..20).map(|_| client.clone()), |client| listen(client, 1)).await);
    }
    each(&mut streams, async |listening| listening.snapshot().await).await;
    // Some are in the middle of being told something.
    ground.set("c/b", fields! { "n" => 2 }).await;
    ground.stop.send(()).unwrap();
    let stopped = tokio::time::timeout(PATIENCE, ground.served).await;
    stopped.expect("it waits for something").unwrap();
    each(streams, |listening| tokio::time::timeout(PATIENCE, listening.rest())).await;
    while ground.control.open_watches() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(TcpStream::connect(&ground.host).await.is_err(), "nobody listens any more");
}

/// Who sends half a call is waited for, but not for ever.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_call_holds_up_the_stop_for_10_seconds() {
    let _alone = alone().await;
    let ground = Ground::new().await;
    let mut client = ground.client().await;
    let mut call = Box::pin(client.write(stream::pending().boxed()));
    assert!(futures::poll!(&mut call).is_pending());
    let mut begun = TcpStream::connect(&ground.host).await.unwrap();
    begun.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    ground.stop.send(()).unwrap();
    let mut served = ground.served;
    let over = async {
        while !served.is_finished() {
            ground.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, over).await.expect("it waits for ever");
    (&mut served).await.unwrap();
}
