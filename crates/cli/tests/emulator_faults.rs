//! `firekeep emulator --faults`: what goes wrong, and how it is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod emulated;
mod program;

use emulated::Emulated;
use firekeep::{Effect, ErrorKind, fields};
use program::{file, run};

const PLAN: &str = "commit:lose-reply=0.5; other/commit:permission-denied=1";

/// Which of 40 writes are answered as lost.
async fn lost(emulated: &Emulated) -> Vec<bool> {
    let db = emulated.db("demo");
    let mut lost = Vec::new();
    for n in 0..40 {
        let written = db.set("c/d", fields! { "n" => n }).await;
        if let Err(error) = &written {
            assert_eq!(error.effect(), Effect::Unknown);
            assert!(error.message().contains("injected fault: lose-reply (Commit "), "{error}");
        }
        assert_eq!(db.get("c/d").await.unwrap().unwrap().get("n"), Some(&n.into()));
        lost.push(written.is_err());
    }
    lost
}

#[tokio::test]
async fn a_plan_strikes_as_its_seed_draws_and_is_told() {
    let of_seed = |seed| Emulated::start(&["--faults", PLAN, "--seed", seed]);
    let (first, again, other) = (of_seed("7"), of_seed("7"), of_seed("8"));
    let struck = lost(&first).await;
    assert_eq!(lost(&again).await, struck);
    assert_ne!(lost(&other).await, struck);
    let refused = first.db("other").set("c/d", fields! {}).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
    let told = first.json("/firekeep/v1/faults");
    assert_eq!(told["seed"], 7);
    assert_eq!(told["counts"]["permission-denied"], 1);
    let end = first.end("INT");
    assert!(end.stderr.contains("`--seed 7`"), "{end:?}");
    assert!(end.stderr.contains("Commit:lose-reply=0.5"), "{end:?}");
}

#[tokio::test]
async fn a_file_says_what_a_flag_says() {
    let json = file("faults.json", r#"{ "methods": { "*": { "unauthenticated": 1 } } }"#);
    let toml = file("faults.toml", "[methods.\"*\"]\nunauthenticated = 1\n");
    for path in [json, toml] {
        let emulated = Emulated::start(&["--faults-file", &path]);
        let error = emulated.db("demo").get("c/d").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    }
}

#[test]
fn what_no_server_can_do_is_refused_by_name() {
    let outcome = run(&["emulator", "--faults", "commit:cut=2"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("between 0 and 1"), "{outcome:?}");
    assert!(outcome.stderr.contains("commit:cut"), "{outcome:?}");
    let path = file("broken-faults.json", r#"{ "methods": { "Commit": { "cut": 2 } } }"#);
    let outcome = run(&["emulator", "--faults-file", &path]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("methods.Commit.cut"), "{outcome:?}");
}
