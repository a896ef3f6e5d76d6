//! The page in a real browser: it shows the last readings, and a new one arrives by itself.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod chromium;
mod support;

use std::time::Duration;

use chromium::Chromium;
use serde_json::{Value, json};
use support::{READINGS, Service, batch, reading};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const ANY_PORT: &str = "127.0.0.1:0";

/// The service on a free port, as long as this lives.
struct Serving {
    address: std::net::SocketAddr,
    _task: JoinSet<()>,
    _stop: oneshot::Sender<()>,
}

async fn serve(service: &Service, address: &str) -> Serving {
    let address = address.parse().unwrap();
    // The port of a service that just stopped may be taken for a moment.
    let listener = loop {
        match firekeep_server::bind(address).await {
            Ok(listener) => break listener,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let serving = firekeep_server::serve(listener, service.app.clone(), shutdown);
    let mut task = JoinSet::new();
    task.spawn(async move { serving.await.unwrap() });
    Serving { address, _task: task, _stop: stop }
}

/// What the page says of itself, as soon as `expected` holds.
async fn until(page: &mut Chromium, expected: &str) -> Value {
    let says = "(() => { const main = document.getElementById('main'); \
        const card = document.querySelector('[data-metric=temperature]'); \
        return main && { state: main.dataset.state, count: main.dataset.count, \
        last: main.dataset.lastAt, value: card?.dataset.value, points: card?.dataset.count, \
        shown: card?.querySelector('.value')?.textContent, \
        line: card?.querySelector('path.line')?.getAttribute('d').length, \
        title: document.getElementById('title').textContent, \
        notice: document.getElementById('notice-title').textContent, \
        store: document.getElementById('store').textContent }; })()";
    page.wait_for(says, expected, Duration::from_secs(30)).await
}

#[tokio::test]
async fn a_point_arrives_on_the_page() {
    let service = Service::new();
    service.post_json(READINGS, batch(0..110)).await;
    let serving = serve(&service, ANY_PORT).await;
    let mut page = Chromium::start().await;
    page.open(&format!("http://{}/devices/acme/room", serving.address)).await;

    let before = until(&mut page, "it?.state === 'live' && it.value !== undefined").await;
    assert_eq!(before["count"], "100");
    assert_eq!(before["last"], "2015-02-02T01:49:00.000000Z");
    assert_eq!(before["value"], "30.9");
    assert_eq!(before["shown"], "30.9°C");
    assert_eq!(before["title"], "room");
    assert!(before["line"].as_u64().unwrap() > 100, "a line is drawn: {before}");
    assert!(before["store"].as_str().unwrap().starts_with("memory"), "{before}");

    let mut arriving = reading(110);
    arriving["values"]["temperature"]["value"] = json!(12.5);
    service.post_json(READINGS, arriving).await;
    let after = until(&mut page, "it.value === '12.5'").await;
    assert_eq!((&after["count"], &after["points"]), (&json!("100"), &json!("100")));
    assert_eq!(after["last"], "2015-02-02T01:50:00.000000Z");
    assert_eq!(after["shown"], "12.5°C");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn an_empty_store_says_so_and_fills_by_itself() {
    let service = Service::new();
    let serving = serve(&service, ANY_PORT).await;
    let mut page = Chromium::start().await;
    page.open(&format!("http://{}/", serving.address)).await;
    let empty = until(&mut page, "it?.state === 'waiting'").await;
    assert_eq!(empty["notice"], "No readings yet");
    service.post_json("/v1/tenants/demo/devices/room-1/readings", reading(0)).await;
    let filled = until(&mut page, "it.value === '20' && it.state === 'live'").await;
    assert_eq!((&filled["title"], &filled["count"]), (&json!("room-1"), &json!("1")));
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn a_service_that_goes_away_is_told_and_taken_up_again() {
    let service = Service::new();
    service.post_json(READINGS, batch(0..5)).await;
    let serving = serve(&service, ANY_PORT).await;
    let address = serving.address;
    let mut page = Chromium::start().await;
    page.open(&format!("http://{address}/devices/acme/room")).await;
    until(&mut page, "it?.state === 'live' && it.count === '5'").await;
    drop(serving);
    until(&mut page, "it.state === 'reconnecting' && it.count === '5'").await;
    let other = Service::new();
    other.post_json(READINGS, batch(0..7)).await;
    let serving = serve(&other, &address.to_string()).await;
    until(&mut page, "it.state === 'live' && it.count === '7'").await;
    drop(serving);
}
