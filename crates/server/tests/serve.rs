//! Binding to loopback only, and shutting down.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use firekeep_server::{ServeError, bind, serve};
use support::{LIVE, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

#[tokio::test]
async fn only_loopback_is_bound_and_anything_else_refused_by_name() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
        let error = bind(address.parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, ServeError::NotLoopback(_)), "{error}");
        assert!(error.to_string().contains(&format!("`{address}`")), "{error}");
    }
    for address in ["127.0.0.1:0", "127.8.8.8:0"] {
        assert!(bind(address.parse().unwrap()).await.is_ok(), "{address}");
    }
    let taken = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = bind(taken.local_addr().unwrap()).await.unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }), "{error}");
}

#[tokio::test]
async fn a_listener_on_all_addresses_is_not_served() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let service = Service::new();
    let error = serve(listener, service.app.clone(), std::future::pending()).await.unwrap_err();
    assert!(matches!(error, ServeError::NotLoopback(_)), "{error}");
}

#[tokio::test]
async fn shutting_down_ends_the_live_streams_and_the_watches() {
    let service = Service::new();
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let mut running = JoinSet::new();
    running.spawn(serve(listener, service.app.clone(), shutdown));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {LIVE} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 1_024];
    while !seen.contains("\"live\"") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), running.join_next());
    ended.await.expect("serving ends by itself").unwrap().unwrap().unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    let late = service.get(LIVE).await;
    assert_eq!(late.status.as_u16(), 503, "no stream starts any more: {}", late.text);
}
