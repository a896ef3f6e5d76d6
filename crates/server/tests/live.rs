//! Live streams, and what a dashboard that is open costs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use firekeep_core::{ErrorKind, Operation};
use firekeep_layers::Fault;
use futures::StreamExt;
use serde_json::{Value, json};
use support::{LIVE, READINGS, Service, batch, reading, reads, settle};
use tower::ServiceExt;

/// A viewer's stream, event by event.
struct Events {
    body: futures::stream::BoxStream<'static, String>,
    buffer: String,
}

#[derive(Debug, Default)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Event {
    fn minutes(&self) -> Vec<String> {
        let readings = self.data["readings"].as_array().unwrap().iter();
        readings.map(|reading| reading["at"].as_str().unwrap()[11..16].to_owned()).collect()
    }
}

impl Events {
    async fn open(service: &Service, query: &str, last_id: Option<&str>) -> Self {
        let mut request = Request::get(format!("{LIVE}{query}"));
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Body::empty()).unwrap();
        let response: Response = service.app.router().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let frames = response.into_body().into_data_stream();
        let body = frames.map(|frame| String::from_utf8(frame.unwrap().to_vec()).unwrap()).boxed();
        Self { body, buffer: String::new() }
    }

    /// The next event; comments are passed over.
    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let mut parsed = Event::default();
                for line in event.lines() {
                    match line.split_once(": ") {
                        Some(("event", name)) => parsed.name = name.to_owned(),
                        Some(("id", id)) => parsed.id = id.to_owned(),
                        Some(("data", data)) => parsed.data = serde_json::from_str(data).unwrap(),
                        _ => {}
                    }
                }
                self.buffer = rest.to_owned();
                if !parsed.name.is_empty() {
                    return parsed;
                }
                continue;
            }
            let more = self.body.next().await.expect("the stream goes on");
            self.buffer.push_str(&more);
        }
    }

    async fn named(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.name == name {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn a_viewer_gets_the_last_readings_and_then_each_new_one() {
    let service = Service::new();
    service.post_json(READINGS, batch(0..110)).await;
    let mut events = Events::open(&service, "", None).await;
    let snapshot = events.next().await;
    assert_eq!(snapshot.name, "snapshot");
    assert_eq!(snapshot.minutes().len(), 100);
    assert_eq!(events.next().await.data, json!({"state": "live"}));
    service.post_json(READINGS, reading(110)).await;
    let update = events.next().await;
    assert_eq!((update.name.as_str(), update.minutes()), ("readings", vec!["01:50".to_owned()]));
}

#[tokio::test]
async fn a_device_without_readings_is_followed_too() {
    let service = Service::new();
    let mut events = Events::open(&service, "?last=5", None).await;
    assert_eq!(events.next().await.minutes().len(), 0);
    service.post_json(READINGS, reading(7)).await;
    assert_eq!(events.named("readings").await.minutes(), ["00:07"]);
}

#[tokio::test]
async fn a_viewer_that_comes_back_gets_what_it_missed() {
    let service = Service::new();
    service.post_json(READINGS, batch(0..10)).await;
    let mut events = Events::open(&service, "", None).await;
    let id = events.next().await.id;
    drop(events);
    service.post_json(READINGS, batch(10..12)).await;
    settle().await;
    let mut events = Events::open(&service, "", Some(&id)).await;
    let missed = events.next().await;
    assert_eq!((missed.name.as_str(), missed.minutes().len()), ("readings", 2));
    // An id of a service that ran before this one leads to a snapshot.
    for unknown in ["1-0-1", "nonsense", ""] {
        let mut events = Events::open(&service, "", Some(unknown)).await;
        assert_eq!(events.next().await.name, "snapshot", "{unknown}");
    }
}

#[tokio::test]
async fn a_slow_viewer_gets_fewer_and_larger_events() {
    let service = Service::new();
    service.post_json(READINGS, batch(0..1)).await;
    let mut events = Events::open(&service, "", None).await;
    events.named("status").await;
    for n in 1..5 {
        service.post_json(READINGS, reading(n)).await;
        settle().await;
    }
    assert_eq!(events.named("readings").await.minutes().len(), 4);
}

#[tokio::test]
async fn a_feed_that_breaks_off_says_so_and_recovers() {
    let service = Service::new();
    service.post_json(READINGS, batch(0..3)).await;
    let mut events = Events::open(&service, "", None).await;
    events.named("status").await;
    service.faults.next(Operation::Watch, Fault::Cut);
    service.faults.nth(Operation::Watch, 2, Fault::Fail(ErrorKind::Unavailable));
    service.post_json(READINGS, reading(3)).await;
    assert_eq!(events.named("status").await.data, json!({"state": "reconnecting"}));
    service.pass(Duration::from_secs(30)).await;
    assert_eq!(events.next().await.minutes(), ["00:03"], "nothing is lost meanwhile");
    assert_eq!(events.named("status").await.data, json!({"state": "live"}));
}

#[tokio::test]
async fn opening_a_hundred_points_is_billed_one_read_for_all_viewers_and_reloads() {
    let service = Service::new();
    service.post_json(READINGS, batch(0..100)).await;
    let before = service.meter.snapshot();
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut events = Events::open(&service, "", None).await;
        assert_eq!(events.next().await.minutes().len(), 100);
        open.push(events);
    }
    assert_eq!(reads(before, &service.meter), 1);
    drop(open);
    service.pass(Duration::from_secs(100)).await;
    let mut events = Events::open(&service, "", None).await;
    assert_eq!(events.next().await.minutes().len(), 100);
    assert_eq!(reads(before, &service.meter), 1, "a reload within the linger costs nothing");
    let status = service.get("/v1/status").await.json();
    assert_eq!((&status["feeds"], &status["viewers"]), (&json!(1), &json!(1)));
    drop(events);
    service.pass(Duration::from_secs(400)).await;
    let status = service.get("/v1/status").await.json();
    assert_eq!(status["feeds"], 0, "nobody is there: the watch is closed");
}

/// The bound that the dashboard promises: 100 points, open and live, at any rate of writing.
#[tokio::test]
async fn an_open_dashboard_stays_within_fifty_reads_a_minute_however_fast_readings_come() {
    for per_second in [1_u32, 10] {
        let service = Service::new();
        service.post_json(READINGS, batch(0..100)).await;
        let start = service.meter.snapshot();
        // What the page asks for when it opens.
        service.get("/v1/status").await;
        service.get("/v1/tenants/acme/devices").await;
        let mut events = Events::open(&service, "", None).await;
        events.named("status").await;
        let mut totals = vec![0];
        for second in 0..180 {
            for n in 0..per_second {
                let at = 100 + second * per_second + n;
                let reading = json!({
                    "at": format!("2015-02-03T{:02}:{:02}:{:02}Z", at / 3600, at / 60 % 60, at % 60),
                    "values": {"temperature": {"value": 1.0, "unit": "°C"}},
                });
                service.post_json(READINGS, reading).await;
                service.clock.advance(Duration::from_millis(1_000 / u64::from(per_second)));
                settle().await;
            }
            totals.push(reads(start, &service.meter));
        }
        for minute in totals.windows(61) {
            assert!(minute[60] - minute[0] <= 50, "{} reads in a minute", minute[60] - minute[0]);
        }
        // The page is live all the same: it shows the last reading within two seconds.
        let last = 100 + 180 * per_second - 1;
        let shown = format!("{:02}:{:02}", last / 3600, last / 60 % 60);
        service.pass(Duration::from_secs(2)).await;
        let update = events.named("readings").await;
        assert_eq!(update.minutes().last(), Some(&shown));
        assert!(totals[180] > 60, "{} reads in three minutes: is it live?", totals[180]);
    }
}

#[tokio::test]
async fn at_one_reading_a_minute_an_hour_of_dashboard_costs_one_read_a_minute() {
    let service = Service::new();
    service.post_json(READINGS, batch(0..100)).await;
    let before = service.meter.snapshot();
    let mut events = Events::open(&service, "", None).await;
    events.named("status").await;
    for n in 100..160 {
        service.post_json(READINGS, reading(n)).await;
        assert_eq!(events.named("readings").await.minutes().len(), 1);
        service.pass(Duration::from_secs(60)).await;
    }
    assert_eq!(reads(before, &service.meter), 1 + 60);
}

/// The same bound on Firestore's emulator, which sends a followed document again on every commit.
#[tokio::test]
async fn the_dashboards_bound_holds_on_the_emulator() {
    let Some(service) = Service::on_emulator() else { return };
    service.post_json(READINGS, batch(0..100)).await;
    let before = service.meter.snapshot();
    let mut events = Events::open(&service, "", None).await;
    assert_eq!(events.next().await.minutes().len(), 100);
    assert_eq!(reads(before, &service.meter), 1, "opening a hundred points");
    events.named("status").await;
    // A minute of a reading every three seconds: each is shown, each costs a read.
    for n in 100..120 {
        service.clock.advance(Duration::from_secs(3));
        service.post_json(READINGS, reading(n)).await;
        assert_eq!(events.named("readings").await.minutes().len(), 1);
    }
    assert_eq!(reads(before, &service.meter), 1 + 20);
    // Then a burst: the allowance is used up, and the feed stops following.
    for n in 120..180 {
        service.post_json(READINGS, reading(n)).await;
    }
    assert!(reads(before, &service.meter) <= 1 + 20 + 6, "{}", reads(before, &service.meter));
    // It comes back as the allowance does, and has missed nothing.
    service.clock.advance(Duration::from_secs(12));
    let mut shown = String::new();
    while shown != "02:59" {
        shown = events.named("readings").await.minutes().pop().unwrap();
    }
    assert!(reads(before, &service.meter) <= 50, "{}", reads(before, &service.meter));
}
