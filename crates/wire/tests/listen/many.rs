//! Many streams at once.

use firekeep_core::fields;

use crate::ground::{Ground, brief, collection, eventually};

#[tokio::test]
async fn a_thousand_streams_on_one_connection_are_told_alike() {
    const STREAMS: usize = 1000;
    let ground = Ground::new().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let mut listening = ground.listen_to([collection(1, "c")]).await;
        assert_eq!(listening.snapshot().await.len(), 4);
        streams.push(listening);
    }
    assert_eq!(ground.control.open_watches(), STREAMS);
    ground.set("c/b", fields! { "n" => 2 }).await;
    for listening in &mut streams {
        assert_eq!(brief(&listening.snapshot().await), ["+1 c/b", "consistent"]);
    }
    drop(streams);
    eventually(|| ground.control.open_watches() == 0).await;
}

/// Ten targets of a hundred documents each, all changed at once, ten times over.
#[tokio::test]
async fn many_targets_on_one_stream_are_told_all_of_each_commit() {
    const TARGETS: i32 = 10;
    let ground = Ground::new().await;
    let mut listening = ground.listen_to((1..=TARGETS).map(|id| collection(id, "c"))).await;
    while listening.next().await.brief() != format!("current {TARGETS}") {}
    listening.snapshot().await;
    for round in 0..10 {
        let writes = (0..100).map(|n| {
            let path = format!("c/{n}").try_into().unwrap();
            firekeep_core::Write::replace(path, fields! { "n" => round }).unwrap()
        });
        ground.clock.advance(std::time::Duration::from_micros(1));
        ground.db.commit(writes.collect()).await.unwrap();
        let told = brief(&listening.snapshot().await);
        assert_eq!(told.len(), 1000 + 10 + 1);
        let of = |id: i32| format!("+{id} ");
        let changes = |id| told.iter().filter(|told| told.starts_with(&of(id))).count();
        assert!((1..=TARGETS).all(|id| changes(id) == 100));
    }
}
