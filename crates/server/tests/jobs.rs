//! Jobs, as programs and people see them.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod chromium;
mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use chromium::Chromium;
use firekeep_jobs::{Job, JobSpec, Tag, TaskWriter, Update};
use futures::StreamExt;
use serde_json::{Value, json};
use support::{Service, reads};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// A job of three tasks in two tags.
async fn nightly(service: &Service) -> Job {
    let tags = ["clean", "read"].map(|tag| Tag::new(tag).unwrap());
    service.app.jobs().create("nightly:1", JobSpec::new(3).tags(tags)).await.unwrap()
}

async fn claim(job: &Job, task: u32) -> TaskWriter {
    job.claim(task).await.unwrap().writer().unwrap()
}

/// A stream of events, one by one.
struct Events {
    body: futures::stream::BoxStream<'static, String>,
    buffer: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Events {
    async fn open(service: &Service, path: &str, last_id: Option<&str>) -> Self {
        let mut request = Request::get(path);
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = service.app.router().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let frames = response.into_body().into_data_stream();
        let body = frames.map(|frame| String::from_utf8(frame.unwrap().to_vec()).unwrap()).boxed();
        Self { body, buffer: String::new() }
    }

    /// The next event but bookmarks and comments; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((text, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = text.lines().filter_map(|line| line.split_once(": "));
                    lines.find(|(field, _)| *field == name).map(|(_, value)| value.to_owned())
                };
                let (name, id, data) = (field("event"), field("id"), field("data"));
                self.buffer = rest.to_owned();
                let Some(name) = name.filter(|name| name != "bookmark") else { continue };
                let data = serde_json::from_str(&data.unwrap()).unwrap();
                return Some(Event { name, id: id.unwrap_or_default(), data });
            }
            self.buffer.push_str(&self.body.next().await?);
        }
    }

    async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await.unwrap();
        assert_eq!(event.name, name, "{event:?}");
        event
    }
}

const EVENTS: &str = "/v1/jobs/nightly:1/events";

#[tokio::test]
async fn jobs_are_listed_and_shown_and_what_is_none_is_told() {
    let service = Service::new();
    assert_eq!(service.get("/v1/jobs").await.json(), json!({ "jobs": [], "complete": true }));
    let job = nightly(&service).await;
    let writer = claim(&job, 1).await;
    writer.set("read", Update::failed(3).message("bad luck")).await.unwrap();
    let list = service.get("/v1/jobs").await.json();
    assert_eq!(list["jobs"][0]["jobID"], "nightly:1");
    assert_eq!(service.get("/v1/jobs?after=nightly:1").await.json()["jobs"], json!([]));
    let before = service.meter.snapshot();
    let shown = service.get("/v1/jobs/nightly:1").await.json();
    assert!(reads(before, &service.meter) <= 12, "{}", reads(before, &service.meter));
    assert_eq!((&shown["status"], &shown["anyError"]), (&json!(-3), &json!(true)), "{shown}");
    let culprit = json!({ "taskID": 1, "tag": "read", "message": "bad luck" });
    assert_eq!(shown["culprit"], culprit);
    assert_eq!((&shown["reported"], &shown["total"]), (&json!(1), &json!(6)));
    assert_eq!(shown["histogram"], json!({ "-3": 1, "0": 5 }));
    for path in ["/v1/jobs/none", "/v1/jobs/none/events"] {
        let answer = service.get(path).await;
        assert_eq!(answer.status, 404, "{}", answer.text);
        assert_eq!(answer.json()["type"], "urn:firekeep:problem:no-job");
    }
    assert_eq!(service.get("/v1/jobs/__x__").await.status, 422);
}

#[tokio::test]
async fn a_stream_begins_with_what_is_there_and_goes_on_from_its_cursor() {
    let service = Service::new();
    let job = nightly(&service).await;
    let writer = claim(&job, 2).await;
    writer.set("read", Update::new(1).progress(1, 4).message("half")).await.unwrap();
    let mut events = Events::open(&service, EVENTS, None).await;
    let about = events.expect("job").await.data;
    assert_eq!((&about["numTasks"], &about["tags"]), (&json!(3), &json!(["clean", "read"])));
    let replay = events.expect("replay").await.data;
    assert_eq!((&replay["taskID"], &replay["replay"]), (&json!(2), &json!(true)));
    assert_eq!(replay["progress"], json!({ "done": 1, "total": 4 }));
    let done = events.expect("replay-done").await;
    assert_eq!(done.data["cursor"], done.id);
    writer.set("clean", Update::new(5)).await.unwrap();
    let state = events.expect("state").await.data;
    assert_eq!(
        (&state["tag"], &state["status"], &state["replay"]),
        (&json!("clean"), &json!(5), &json!(false))
    );
    drop(events);

    let mut later = Events::open(&service, EVENTS, Some(&done.id)).await;
    later.expect("job").await;
    assert_eq!(later.expect("replay").await.data["tag"], "clean");
    later.expect("replay-done").await;
    drop(later);
    let mut anew = Events::open(&service, EVENTS, Some("of-another-time")).await;
    anew.expect("reset").await;
    anew.expect("job").await;
    anew.expect("replay").await;
}

#[tokio::test]
async fn a_stream_ends_with_its_job_and_with_the_service() {
    let service = Service::new();
    let job = nightly(&service).await;
    let writer = claim(&job, 0).await;
    writer.set("read", Update::finished()).await.unwrap();
    assert!(writer.close().await.unwrap().is_done());
    let mut events = Events::open(&service, EVENTS, None).await;
    for name in ["job", "replay", "replay-done"] {
        events.expect(name).await;
    }
    job.delete().await.unwrap();
    let mut last = None;
    while let Some(event) = events.next().await {
        assert_eq!(event.name, "deleted", "{event:?}");
        last = Some(event.data);
    }
    assert_eq!(last.unwrap(), json!({ "jobID": "nightly:1" }));
    nightly(&service).await;
    let mut events = Events::open(&service, EVENTS, None).await;
    events.expect("job").await;
    service.app.close();
    while events.next().await.is_some() {}
    assert_eq!(service.get(EVENTS).await.status, 503);
}

#[tokio::test]
async fn a_job_comes_on_on_the_page() {
    let service = Service::new();
    let listener = firekeep_server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = oneshot::channel::<()>();
    let serving =
        firekeep_server::serve(listener, service.app.clone(), async move { drop(stopped.await) });
    let mut task = JoinSet::new();
    task.spawn(async move { serving.await.unwrap() });
    let job = nightly(&service).await;
    let mut page = Chromium::start().await;
    page.open(&format!("http://{address}/jobs")).await;
    let until = async |page: &mut Chromium, expected: &str| -> Value {
        let says = "(() => { const main = document.getElementById('main'); \
            return main && { ...main.dataset, title: document.getElementById('title').textContent, \
            culprit: document.getElementById('culprit').textContent, \
            percent: document.getElementById('percent').textContent, \
            wide: document.documentElement.scrollWidth > innerWidth, \
            rows: [...document.querySelectorAll('#rows tr')].map((row) => \
            [...row.cells].map((cell) => [cell.dataset.kind, cell.textContent])), \
            bars: [...document.querySelectorAll('#rows progress')].map((bar) => bar.value / bar.max) }; })()";
        page.wait_for(says, expected, Duration::from_secs(30)).await
    };
    let begun = until(&mut page, "it?.state === 'live' && it.rows.length === 3").await;
    assert_eq!((&begun["title"], &begun["total"]), (&json!("nightly:1"), &json!("6")));
    assert_eq!(begun["rows"][0][1], json!(["waiting", "not started"]));
    let hostile = "<img src=x onerror=alert(1)>";
    let first = claim(&job, 0).await;
    first.set("clean", Update::new(2).progress(1, 4).message(hostile)).await.unwrap();
    let second = claim(&job, 1).await;
    second.set("read", Update::failed(9).message("bad luck")).await.unwrap();
    let running = until(&mut page, "it.rows[1][2][0] === 'failed' && it.bars.length === 1").await;
    assert_eq!(running["rows"][0][1], json!(["running", format!("step 2{hostile}")]));
    assert_eq!(running["bars"], json!([0.25]));
    assert_eq!(running["culprit"], "Lowest is task 1 in read: error -9, bad luck");
    assert_eq!(running["wide"], false);
    for (task, writer) in [first, second, claim(&job, 2).await].into_iter().enumerate() {
        for tag in ["clean", "read"] {
            writer
                .set(tag, Update::finished())
                .await
                .unwrap_or_else(|error| panic!("{task}: {error}"));
        }
    }
    let over = until(&mut page, "it.finished === '6'").await;
    assert_eq!(
        (&over["percent"], &over["culprit"]),
        (&json!("100 %"), &json!("Everything is finished."))
    );
    assert_eq!(page.complaints(), Vec::<String>::new());
}
