//! Going on where an earlier stream ended.

use std::time::Duration;

use firekeep_core::fields;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::Target;
use proto::target::ResumeType;
use tonic::Code;

use crate::ground::{Ground, Told, above, brief, collection, documents, query, time, token};

fn after(token: &[u8], target: Target) -> Target {
    let token = bytes::Bytes::copy_from_slice(token);
    Target { resume_type: Some(ResumeType::ResumeToken(token)), ..target }
}

fn since(micros: i64, target: Target) -> Target {
    let nanos = (micros % 1_000_000) as i32 * 1000;
    let time = prost_types::Timestamp { seconds: micros / 1_000_000, nanos };
    Target { resume_type: Some(ResumeType::ReadTime(time)), ..target }
}

/// What a stream of one target is told first.
async fn first(ground: &Ground, target: Target) -> Vec<Told> {
    ground.listen_to([target]).await.snapshot().await
}

/// Three documents, as told to a stream that ended before one of them was changed, one deleted and
/// one added.
async fn left_behind(ground: &Ground) -> Vec<Told> {
    for path in ["c/a", "c/b", "c/c"] {
        ground.set(path, fields! { "n" => 1 }).await;
    }
    let told = first(ground, collection(1, "c")).await;
    ground.set("c/a", fields! { "n" => 2 }).await;
    ground.delete("c/b").await;
    ground.set("c/d", fields! {}).await;
    told
}

#[tokio::test]
async fn a_token_or_a_time_resumes_with_the_changes_alone() {
    let ground = Ground::new().await;
    let told = left_behind(&ground).await;
    let by_token = after(&token(&told), collection(5, "c"));
    let by_time = since(time(&told), collection(5, "c"));
    for target in [by_token, by_time] {
        let mut again = brief(&first(&ground, target).await);
        again[1..4].sort();
        let expected = ["add 5", "+5 c/a", "+5 c/d", "-5 c/b", "current 5", "consistent"];
        assert_eq!(again, expected);
    }
}

#[tokio::test]
async fn a_resume_to_which_nothing_happened_is_current_at_once() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! {}).await;
    let told = first(&ground, documents(1, &["c/x", "c/a"])).await;
    let again = first(&ground, after(&token(&told), documents(1, &["c/a", "c/x", "c/a"]))).await;
    assert_eq!(brief(&again), ["add 1", "current 1", "consistent"]);
    // A token of one that resumed is as good.
    let third = first(&ground, after(&token(&again), documents(1, &["c/a", "c/x"]))).await;
    assert_eq!(brief(&third), ["add 1", "current 1", "consistent"]);
}

#[tokio::test]
async fn a_token_that_is_none_of_the_target_removes_it() {
    let ground = Ground::new().await;
    let told = first(&ground, collection(1, "c")).await;
    let whole = token(&told);
    let mut bad = vec![b"garbage".to_vec(), whole[..10].to_vec(), whole[..20].to_vec()];
    bad.push([&[9], &whole[1..]].concat());
    let invalid = format!("remove 1 {}", Code::InvalidArgument as i32);
    for token in bad {
        let mut listening = ground.listen_to([after(&token, collection(1, "c"))]).await;
        let mut told = listening.next().await;
        if told == Told::Add(1) {
            told = listening.next().await;
        }
        assert_eq!(told.brief(), invalid);
    }
    for other in [collection(1, "d"), query(1, above("c", 1)), documents(1, &["c/a"])] {
        let mut listening = ground.listen_to([after(&whole, other)]).await;
        assert_eq!(listening.next().await.brief(), invalid);
    }
    let future = since(time(&told) + 60_000_000, collection(1, "c"));
    let mut listening = ground.listen_to([future]).await;
    assert_eq!(listening.next().await.brief(), "add 1");
    assert_eq!(listening.next().await.brief(), invalid);
}

#[tokio::test]
async fn what_is_too_old_to_resume_is_reset_and_told_whole() {
    let ground = Ground::new().await;
    let told = left_behind(&ground).await;
    ground.control.expire_positions();
    let expected = ["add 1", "reset 1", "+1 c/a", "+1 c/c", "+1 c/d", "current 1", "consistent"];
    for target in [after(&token(&told), collection(1, "c")), since(time(&told), collection(1, "c"))]
    {
        let mut again = brief(&first(&ground, target).await);
        again[2..5].sort();
        assert_eq!(again, expected);
    }
    // Nobody but the store that gave a token knows what happened since.
    let other = Ground::new().await;
    let again = first(&other, after(&token(&told), collection(1, "c"))).await;
    assert_eq!(brief(&again), ["add 1", "reset 1", "current 1", "consistent"]);
    // A time is as good as any; an hour ago is too long ago.
    ground.clock.advance(Duration::from_secs(3601));
    let mut again = brief(&first(&ground, since(time(&told), collection(1, "c"))).await);
    again[2..5].sort();
    assert_eq!(again, expected);
}

#[tokio::test]
async fn missing_documents_are_told_anew_after_a_reset() {
    let ground = Ground::new().await;
    let mut listening = ground.listen_to([documents(1, &["c/a", "c/b"])]).await;
    listening.snapshot().await;
    ground.set("c/b", fields! {}).await;
    listening.snapshot().await;
    ground.control.reset_watches();
    let expected = ["reset 1", "+1 c/b", "-1 c/a", "current 1", "consistent"];
    assert_eq!(brief(&listening.snapshot().await), expected);
    ground.delete("c/b").await;
    assert_eq!(brief(&listening.snapshot().await), ["-1 c/b", "consistent"]);
}

#[tokio::test]
async fn a_client_that_held_another_number_of_documents_is_told_how_many_there_are() {
    let ground = Ground::new().await;
    let told = left_behind(&ground).await;
    let expecting = |count, target| Target { expected_count: Some(count), ..target };
    let targets =
        || [after(&token(&told), collection(1, "c")), since(time(&told), collection(1, "c"))];
    for target in targets() {
        let again = first(&ground, expecting(3, target)).await;
        assert!(!again.iter().any(|told| matches!(told, Told::Filter(..))), "{again:?}");
    }
    for target in targets() {
        let again = first(&ground, expecting(2, target)).await;
        assert_eq!(brief(&again)[4..], ["filter 1 3", "current 1", "consistent"]);
        let Told::Filter(_, _, Some(names)) = &again[4] else { panic!("{again:?}") };
        assert!(names.hash_count > 0);
    }
    // Without a state to go on from, there is nothing to compare with.
    let anew = first(&ground, expecting(2, collection(1, "c"))).await;
    assert!(!anew.iter().any(|told| matches!(told, Told::Filter(..))), "{anew:?}");
}

#[tokio::test]
async fn filters_count_the_documents_of_a_list_that_exist() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! {}).await;
    let told = first(&ground, documents(1, &["c/a", "c/b"])).await;
    let target = after(&token(&told), documents(1, &["c/a", "c/b"]));
    let same = first(&ground, Target { expected_count: Some(1), ..target.clone() }).await;
    assert_eq!(brief(&same), ["add 1", "current 1", "consistent"]);
    let other = first(&ground, Target { expected_count: Some(0), ..target }).await;
    assert_eq!(brief(&other), ["add 1", "filter 1 1", "current 1", "consistent"]);
}
