//! HTTP/1 and what is no HTTP at all, byte for byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ground::Ground;

/// Sends these bytes and reads until the server closes.
async fn told(ground: &Ground, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(ground.address).await.unwrap();
    // The server may close before all is sent.
    let _ = socket.write_all(bytes).await;
    let _ = socket.shutdown().await;
    rest(socket).await
}

async fn rest(mut socket: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset ends it as well as a close.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_no_http_is_refused_or_closed() {
    let ground = Ground::new().await;
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let cases: [(&[u8], &str); 11] = [
        (b"", ""),
        (b"\x00", "HTTP/1.1 400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xff\xff\xff\xff", "HTTP/1.1 400"),
        (b"\r\n\r\n\r\n\r\n", ""),
        (b"GET\r\n\r\n", "HTTP/1.1 400"),
        (b"GET / HTTP/9.9\r\n\r\n", "HTTP/1.1 400"),
        (b"GET / HTTP/1.1\r\nhost: \xff\xfe\r\n\r\n", "HTTP/1.1 403"),
        (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx", "HTTP/1.1 400"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 405"),
        (long.as_bytes(), "HTTP/1.1 4"),
        (many.as_bytes(), "HTTP/1.1 431"),
    ];
    for (bytes, expected) in cases {
        let answer = told(&ground, bytes).await;
        let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        assert!(answer.starts_with(expected), "{sent:?}: {answer:?}");
        assert_eq!(answer.is_empty(), expected.is_empty(), "{sent:?}: {answer:?}");
    }
    ground.still_serves().await;
}

#[tokio::test]
async fn a_call_over_http_1_is_unimplemented() {
    let ground = Ground::new().await;
    let call = b"POST /google.firestore.v1.Firestore/GetDocument HTTP/1.1\r\nhost: localhost\r\n\
        content-type: application/grpc\r\ncontent-length: 5\r\nconnection: close\r\n\r\n\0\0\0\0\0";
    let answer = told(&ground, call).await;
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
}

#[tokio::test]
async fn a_broken_preface_of_http_2_ends_the_connection() {
    let ground = Ground::new().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let frame = |length: u32, kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let mut bytes = length.to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    };
    let settings = frame(0, 4, 0, 0, b"");
    for (what, then) in [
        ("no settings", frame(8, 6, 0, 0, &[0; 8])),
        ("a frame beyond the bound", frame(0xff_ffff, 0, 0, 1, &[0; 64])),
        (
            "data of a stream that is not open",
            [settings.clone(), frame(4, 0, 1, 1, b"data")].concat(),
        ),
        ("headers that are no HPACK", [settings.clone(), frame(4, 1, 4, 1, &[0xff; 4])].concat()),
        ("headers on stream 0", [settings.clone(), frame(1, 1, 4, 0, &[0x82])].concat()),
        ("settings of a wrong length", frame(5, 4, 0, 0, &[0; 5])),
        ("a window of nothing", [settings.clone(), frame(4, 8, 0, 0, &[0; 4])].concat()),
        ("a frame cut off", frame(100, 0, 0, 1, b"")),
    ] {
        // Ends: the server closes.
        told(&ground, &[&preface[..], &then].concat()).await;
        println!("{what}: closed");
    }
    ground.still_serves().await;
}

/// Time passes by itself while nothing happens: connections that say too little are closed.
#[tokio::test(start_paused = true)]
async fn a_slow_head_is_not_awaited_for_ever() {
    let ground = Ground::new().await;
    for part in
        ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTT", "GET / HTTP/1.1\r\nhost: localhost\r\nx-"]
    {
        let mut socket = TcpStream::connect(ground.address).await.unwrap();
        socket.write_all(part.as_bytes()).await.unwrap();
        let rest = tokio::time::timeout(Duration::from_secs(3600), rest(socket)).await;
        assert!(rest.is_ok(), "{part:?} keeps a connection open");
    }
}
