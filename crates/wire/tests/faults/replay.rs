//! The same seed and calls meet the same faults.

use firekeep_wire::Struck;

use crate::ground::Ground;

const PLAN: &str = "commit:unavailable=0.1,lose-request=0.1,lose-reply=0.1,late=0.1,duplicate=0.1;\
                    get-document:internal=0.3; run-query:break=0.3";

/// Calls of three methods, those of commits first or last.
async fn calls(ground: &Ground, commits_first: bool) -> (Vec<Struck>, Vec<bool>) {
    let mut commits = Vec::new();
    for is_turn in [commits_first, !commits_first] {
        for n in 0..60 {
            if is_turn {
                commits.push(ground.commit("a", n).await.is_ok());
            } else {
                let _ = ground.get("a").await;
                let _ = ground.query().await;
            }
        }
    }
    let mut struck = ground.faults.struck();
    struck.sort_by_key(|struck| (struck.method, struck.call, struck.part));
    (struck, commits)
}

#[tokio::test]
async fn a_seed_breaks_the_same_calls_and_another_one_others() {
    let first = calls(&Ground::with(PLAN).await, true).await;
    assert!(first.0.len() > 30, "{}", first.0.len());
    assert_eq!(calls(&Ground::with(PLAN).await, true).await, first);
    let other = Ground::with(&format!("seed=8;{PLAN}")).await;
    assert_ne!(calls(&other, true).await, first);
}

#[tokio::test]
async fn how_calls_of_different_methods_interleave_changes_nothing() {
    let first = calls(&Ground::with(PLAN).await, true).await;
    let second = calls(&Ground::with(PLAN).await, false).await;
    let commits = |struck: &[Struck]| {
        struck.iter().filter(|struck| struck.method == "Commit").cloned().collect::<Vec<_>>()
    };
    assert_eq!(commits(&first.0), commits(&second.0));
    assert_eq!(first.1, second.1);
}

#[tokio::test]
async fn setting_a_plan_begins_anew() {
    let ground = Ground::with(PLAN).await;
    let outcomes = async || {
        let mut outcomes = Vec::new();
        for n in 0..60 {
            outcomes.push(ground.commit("a", n).await.is_ok());
        }
        outcomes
    };
    let first = outcomes().await;
    assert_ne!(outcomes().await, first);
    ground.faults.set(PLAN.parse().unwrap()).unwrap();
    assert_eq!(outcomes().await, first);
}

#[tokio::test]
async fn rates_are_kept_and_only_where_they_are_said_to_hold() {
    let ground = Ground::with("commit:unavailable=0.5; other/commit:unavailable=1").await;
    let mut failed = 0;
    for n in 0..400 {
        failed += i32::from(ground.commit("a", n).await.is_err());
    }
    // Four standard deviations on either side.
    assert!((160..=240).contains(&failed), "{failed}");
    ground.commit("a", 1000).await.ok();
    ground.get("a").await.unwrap();
    let status = loop {
        if let Err(status) = ground.commit("a", 1).await {
            break status;
        }
    };
    assert!(status.message().contains("of demo, seed 7)"), "{status:?}");
    assert!(format!("{:?}", ground.faults).contains("seed: 7"));
}
