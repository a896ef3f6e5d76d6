//! Cursors: places that another process goes on from, and that are refused where they lead nowhere.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_jobs::{Cursor, Error, Event, Jobs, Scope, Update, Watch};
use firekeep_testkit::TestBackend;
use futures::StreamExt;

use support::{Bed, INDEXES};

/// Takes events up to one with a cursor that holds everything: the states, and the cursor.
async fn to_bookmark(watch: &mut Watch, live: usize) -> (Vec<(u32, u64)>, Cursor) {
    let (mut states, mut left) = (vec![], live);
    loop {
        match watch.next().await.unwrap().unwrap() {
            Event::State { state, replay, .. } => {
                states.push((state.key.task, state.version));
                left -= usize::from(!replay);
            }
            Event::ReplayDone { cursor } if live == 0 => return (states, cursor),
            Event::Bookmark { cursor } if left == 0 => return (states, cursor),
            _ => {}
        }
    }
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn what_came_before_and_after_a_cursor_is_the_whole(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("resumed", 3).await.unwrap();
        let writers = [bed.claim(&job, 0).await, bed.claim(&job, 1).await, bed.claim(&job, 2).await];
        writers[0].set("read", Update::new(1)).await.unwrap();
        let mut watch = job.watch(Scope::Job).unwrap();
        let (states, cursor) = to_bookmark(&mut watch, 0).await;
        assert_eq!(states, [(0, 1)]);
        let text = cursor.to_string();
        assert!(text.len() == 43 && text.parse::<Cursor>().unwrap() == cursor);
        writers[1].set("read", Update::new(1)).await.unwrap();
        writers[1].set("read", Update::new(2)).await.unwrap();
        // Another process, which has no listen yet, and this one, which has.
        let process = Jobs::new(bed.db.clone()).observe("resumed").await.unwrap();
        let mut later = process.watch_from(Scope::Job, &text.parse().unwrap()).unwrap();
        let (states, cursor) = to_bookmark(&mut later, 0).await;
        assert_eq!(states, [(1, 2)]);
        let mut same = job.watch_from(Scope::Job, &cursor).unwrap();
        writers[2].set("read", Update::new(1)).await.unwrap();
        // What the cursor's time covers is not told again, even where this listen is behind it.
        let (states, end) = to_bookmark(&mut later, 1).await;
        assert_eq!(states, [(2, 1)]);
        let mut states = vec![];
        while states.is_empty() {
            if let Event::State { state, .. } = same.next().await.unwrap().unwrap() {
                states.push((state.key.task, state.version));
            }
        }
        assert_eq!(states, [(2, 1)]);
        assert!(end.time() > cursor.time());
    }

    async fn cursors_of_others_are_refused(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("one", 1).await.unwrap();
        let cursor = to_bookmark(&mut job.watch(Scope::Job).unwrap(), 0).await.1;
        let other = bed.other.create("other", 1).await.unwrap();
        let foreign = other.watch_from(Scope::Job, &cursor).unwrap_err();
        assert!(matches!(foreign, Error::Invalid { what: "cursor", .. }), "{foreign}");
        bed.db.delete("jobs/one").await.unwrap();
        let anew = bed.other.create("one", 1).await.unwrap();
        let old = anew.watch_from(Scope::Job, &cursor).unwrap_err();
        assert!(matches!(old, Error::CursorTooOld(_)), "{old}");
        let text = cursor.to_string();
        let flipped = if text.starts_with('A') { "B" } else { "A" };
        for wrong in ["", "AQ", &text[1..], &format!("{flipped}{}", &text[1..]), &format!("{text}A")] {
            let error = wrong.parse::<Cursor>().unwrap_err();
            assert!(matches!(error, Error::Invalid { what: "cursor", .. }), "{wrong}: {error}");
        }
    }
}
