//! The locks that are held, as programs and people see them, and what locking counts.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod chromium;
mod support;

use std::time::Duration;

use chromium::Chromium;
use firekeep_core::{ErrorKind, Operation};
use firekeep_layers::Fault;
use firekeep_lock::{AcquireOptions, Attempt, Released};
use serde_json::{Value, json};
use support::{Service, settle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const LOCKS: &str = "/v1/locks";

fn named(owner: &str) -> AcquireOptions {
    AcquireOptions::default().owner(owner)
}

async fn keys(service: &Service) -> Vec<String> {
    let list = service.get(LOCKS).await;
    assert_eq!(list.status, 200, "{}", list.text);
    let locks = list.json()["locks"].as_array().unwrap().clone();
    locks.iter().map(|lock| lock["key"].as_str().unwrap().to_owned()).collect()
}

/// Asks until the answer is `wanted`: the watch behind it needs a moment.
async fn until(service: &Service, wanted: &[&str]) {
    for _ in 0..2_000 {
        if keys(service).await == wanted {
            return;
        }
        settle().await;
    }
    panic!("{:?} is not {wanted:?}", keys(service).await);
}

async fn shown(service: Service) {
    assert_eq!(service.get(LOCKS).await.json(), json!({"locks": [], "complete": true}));
    let locks = service.app.locks();
    let guard = locks.acquire_with("a/b c", &named("worker-7")).await.unwrap();
    until(&service, &["a/b c"]).await;
    let answer = service.get(LOCKS).await;
    let lock = &answer.json()["locks"][0];
    assert_eq!(
        (&lock["mode"], &lock["holders"][0]["owner"]),
        (&json!("exclusive"), &json!("worker-7"))
    );
    let remaining = lock["holders"][0]["remaining_ms"].as_u64().unwrap();
    assert!((25_000..=30_001).contains(&remaining), "{lock}");
    assert!(!answer.text.contains(guard.id().as_str()), "the id is the holder's secret");
    assert_eq!(guard.release().await.unwrap(), Released::Done);
    until(&service, &[]).await;
}

#[tokio::test]
async fn what_is_held_is_shown_in_memory() {
    shown(Service::new()).await;
}

#[tokio::test]
async fn what_is_held_is_shown_on_the_emulator() {
    if let Some(service) = Service::on_emulator() {
        shown(service).await;
    }
}

#[tokio::test]
async fn asking_often_costs_the_store_nothing() {
    let service = Service::new();
    let guard = service.app.locks().acquire("k").await.unwrap();
    until(&service, &["k"]).await;
    let before = service.meter.snapshot();
    for _ in 0..50 {
        assert_eq!(keys(&service).await, ["k"]);
    }
    assert_eq!(service.meter.since(before).rpcs, 0);
    // Nobody asks for longer than the linger: the watch ends, and a release is not followed.
    service.pass(Duration::from_secs(200)).await;
    let before = service.meter.snapshot();
    assert_eq!(guard.release().await.unwrap(), Released::Done);
    settle().await;
    assert_eq!(service.meter.since(before).reads, 0);
    until(&service, &[]).await;
}

#[tokio::test]
async fn a_lease_that_ended_in_silence_is_not_shown() {
    let service = Service::new();
    // A holder whose clock stands still renews nothing.
    let still = service.db.clone().with_clock(firekeep_core::ManualClock::new());
    let guard = firekeep_lock::Locks::new(still).acquire("k").await.unwrap();
    until(&service, &["k"]).await;
    service.clock.advance(Duration::from_secs(31));
    assert!(keys(&service).await.is_empty());
    drop(guard);
}

#[tokio::test]
async fn a_store_that_fails_is_a_problem_and_what_was_known_stays() {
    let service = Service::new();
    service.faults.next(Operation::Watch, Fault::Fail(ErrorKind::PermissionDenied));
    let answer = service.get(LOCKS).await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    assert_eq!(answer.json()["type"], "urn:firekeep:problem:set-up");
    let guard = service.app.locks().acquire("k").await.unwrap();
    service.pass(Duration::from_secs(40)).await;
    until(&service, &["k"]).await;
    service.faults.next(Operation::Watch, Fault::Cut);
    assert!(guard.extend(Duration::from_secs(60)).await.unwrap());
    settle().await;
    assert_eq!(keys(&service).await, ["k"], "until the watch is taken up again");
    service.app.close();
    assert_eq!(service.get(LOCKS).await.status, 503);
}

#[tokio::test]
async fn locking_is_counted_by_action_and_outcome_and_no_label_holds_a_key() {
    let service = Service::new();
    let locks = service.app.locks();
    let guard = locks.acquire("secret-key").await.unwrap();
    assert!(matches!(locks.try_acquire("secret-key").await.unwrap(), Attempt::Held(_)));
    assert!(guard.extend(Duration::from_secs(60)).await.unwrap());
    assert_eq!(guard.release().await.unwrap(), Released::Done);
    let lost = locks.acquire("other").await.unwrap();
    assert!(locks.break_lock("other").await.unwrap().is_some());
    assert!(!lost.extend(Duration::from_secs(60)).await.unwrap());
    let metrics = service.get("/metrics").await.text;
    for (action, outcome, count) in [
        ("acquire", "done", 2),
        ("try", "refused", 1),
        ("extend", "done", 1),
        ("release", "done", 1),
        ("hold", "done", 1),
        ("break", "done", 1),
        ("extend", "lost", 1),
        ("lose", "lost", 1),
    ] {
        let labels = format!("{{action=\"{action}\",outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&format!("firekeep_lock_actions_total{labels}")), "{metrics}");
        let timed = format!("firekeep_lock_action_seconds_count{labels}");
        assert!(metrics.contains(&timed), "{metrics}");
    }
    let hash = firekeep_lock::Key::new("secret-key").unwrap().hash();
    assert!(!metrics.contains("secret-key") && !metrics.contains(hash.as_str()));
}

#[tokio::test]
async fn a_lock_appears_on_the_page_and_goes() {
    let service = Service::new();
    let listener = firekeep_server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = oneshot::channel::<()>();
    let serving =
        firekeep_server::serve(listener, service.app.clone(), async move { drop(stopped.await) });
    let mut task = JoinSet::new();
    task.spawn(async move { serving.await.unwrap() });
    let mut page = Chromium::start().await;
    page.open(&format!("http://{address}/")).await;
    let until = async |page: &mut Chromium, expected: &str| -> Value {
        let says = "(() => { const locks = document.getElementById('locks'); \
            if (locks) locks.open = true; \
            return locks && { hidden: document.getElementById('locks-table').hidden, \
            said: document.getElementById('locks-none').textContent, known: locks.dataset.known, \
            rows: [...locks.querySelectorAll('tbody tr')].map((row) => \
            [...row.cells].map((cell) => cell.textContent)) }; })()";
        page.wait_for(says, expected, Duration::from_secs(30)).await
    };
    let empty = until(&mut page, "it?.known === 'true' && it.hidden").await;
    assert_eq!(empty["said"], "Nobody holds a lock.");
    let locks = service.app.locks();
    let hostile = "<img src=x onerror=alert(1)>";
    let guard = locks.acquire_with(hostile, &named("worker-7:42")).await.unwrap();
    let held = until(&mut page, "it.rows.length === 1").await;
    assert_eq!((&held["hidden"], &held["rows"][0][0]), (&json!(false), &json!(hostile)));
    assert_eq!(
        (&held["rows"][0][1], &held["rows"][0][3]),
        (&json!("worker-7:42"), &json!("in 30 s"))
    );
    let readers = named("reader").shared();
    let one = locks.acquire_with("shared", &readers).await.unwrap();
    let other = locks.acquire_with("shared", &readers).await.unwrap();
    let held = until(&mut page, "it.rows.length === 3").await;
    assert_eq!(held["rows"][1][1], "reader (shared)");
    for guard in [guard, one, other] {
        assert_eq!(guard.release().await.unwrap(), Released::Done);
    }
    until(&mut page, "it.hidden").await;
    assert_eq!(page.complaints(), Vec::<String>::new());
}
