//! Faults over HTTP.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use crate::ground::Ground;

/// The status and the body of an answer.
async fn ask(ground: &Ground, line: &str, kind: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&ground.host).await.unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        ground.host,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

const DOOR: &str = "/firekeep/v1/faults";

#[tokio::test]
async fn plans_are_set_shown_and_cleared() {
    let ground = Ground::new(7).await;
    let json = r#"{"seed": 3, "methods": {"Commit": {"internal": 1}}}"#;
    assert_eq!(ask(&ground, &format!("PUT {DOOR}"), "application/json", json).await.0, 204);
    assert_eq!(ground.commit("a", 1).await.unwrap_err().code(), Code::Internal);
    let (status, shown) = ask(&ground, &format!("GET {DOOR}"), "", "").await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((status, &shown["seed"]), (200, &3.into()));
    assert_eq!(shown["short"], "seed=3;Commit:internal=1");
    assert_eq!(shown["counts"]["internal"], 1);
    let last = serde_json::json!([
        { "project": "demo", "method": "Commit", "call": 1, "fault": "internal" }
    ]);
    assert_eq!(shown["last"], last);
    let short = "get-document:not-found=1";
    assert_eq!(ask(&ground, &format!("PUT {DOOR}"), "text/plain", short).await.0, 204);
    ground.commit("a", 1).await.unwrap();
    ground.get("a").await.unwrap_err();
    assert_eq!(ask(&ground, &format!("DELETE {DOOR}"), "", "").await.0, 204);
    ground.get("a").await.unwrap();
}

#[tokio::test]
async fn one_project_is_struck_and_cleared_without_the_others() {
    let ground = Ground::new(7).await;
    let put = |project: &str| format!("PUT {DOOR}?project={project}");
    for project in ["other", "demo"] {
        let plan = "commit:internal=1";
        assert_eq!(ask(&ground, &put(project), "text/plain", plan).await.0, 204);
        assert_eq!(ground.commit("a", 1).await.is_err(), project == "demo");
    }
    ask(&ground, &format!("DELETE {DOOR}?project=demo"), "", "").await;
    ground.commit("a", 1).await.unwrap();
    assert!(ground.faults.plan().projects.contains_key("other"));
    let (status, why) = ask(&ground, &put("demo"), "text/plain", "seed=3").await;
    assert_eq!(status, 400, "{why}");
}

#[tokio::test]
async fn faults_are_scripted_and_late_writes_let_through() {
    let ground = Ground::new(7).await;
    let line = r#"{"method": "Commit", "fault": "late@50", "nth": 2}"#;
    assert_eq!(ask(&ground, &format!("POST {DOOR}/next"), "application/json", line).await.0, 204);
    ground.commit("a", 1).await.unwrap();
    ground.commit("a", 2).await.unwrap_err();
    assert_eq!(ground.n("a").await, Some(1));
    let (_, released) = ask(&ground, &format!("POST {DOOR}/late"), "", "").await;
    assert_eq!(released, r#"{"released":1}"#);
    assert_eq!(ground.n("a").await, Some(2));
}

#[tokio::test]
async fn what_is_malformed_is_refused_by_name() {
    let ground = Ground::new(7).await;
    let json = r#"{"methods": {"Commit": {"internal": 2}}}"#;
    let (status, why) = ask(&ground, &format!("PUT {DOOR}"), "application/json", json).await;
    assert_eq!(status, 400);
    assert!(why.contains("methods.Commit.internal") && why.contains("between 0 and 1"), "{why}");
    let line = r#"{"method": "Commit", "fault": "reset"}"#;
    let (status, why) = ask(&ground, &format!("POST {DOOR}/next"), "application/json", line).await;
    assert_eq!(status, 400);
    assert!(why.contains("Commit:reset"), "{why}");
}
