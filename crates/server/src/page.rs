//! The dashboard: a few files, embedded, nothing from elsewhere.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

macro_rules! assets {
    ($($handler:ident, $file:literal, $media_type:literal;)*) => {$(
        pub(crate) async fn $handler(headers: HeaderMap) -> Response {
            const TEXT: &str = include_str!(concat!("page/", $file));
            asset(&headers, TEXT, $media_type)
        }
    )*};
}

assets! {
    index, "index.html", "text/html; charset=utf-8";
    style, "style.css", "text/css; charset=utf-8";
    app, "app.js", "text/javascript; charset=utf-8";
    format, "format.js", "text/javascript; charset=utf-8";
    locks, "locks.js", "text/javascript; charset=utf-8";
    jobs, "jobs.html", "text/html; charset=utf-8";
    jobs_script, "jobs.js", "text/javascript; charset=utf-8";
    board_style, "board.css", "text/css; charset=utf-8";
    board, "board.js", "text/javascript; charset=utf-8";
    chart, "chart.js", "text/javascript; charset=utf-8";
    icon, "icon.svg", "image/svg+xml";
}

/// A file with its tag, so that a browser that has it asks and gets 304.
fn asset(headers: &HeaderMap, text: &'static str, media_type: &'static str) -> Response {
    let tag = format!("\"{:016x}\"", fnv(text.as_bytes()));
    let caching = [
        (header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    let has_it =
        headers.get(header::IF_NONE_MATCH).is_some_and(|held| held.as_bytes() == tag.as_bytes());
    if has_it {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, media_type)], text).into_response()
}

/// FNV-1a; tells one build's file from another's.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
