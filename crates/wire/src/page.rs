//! A page that shows what is in the databases and what is asked of them, as it happens.
//!
//! A few embedded files, nothing from elsewhere; one stream of events per open page; three doors that
//! write. What the page itself does is neither logged nor billed: it uses the stores directly.

mod edit;
mod follow;
mod live;
mod picture;
mod rest;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::activity::Activity;
use crate::databases::Databases;

/// What the page's doors lead to.
#[derive(Clone, Debug)]
pub(crate) struct Rooms {
    databases: Arc<dyn Databases>,
    activity: Arc<Activity>,
}

macro_rules! files {
    ($($path:literal, $file:literal, $media_type:literal;)*) => {
        fn files() -> Router<Rooms> {
            Router::new()$(.route($path, get(|headers: HeaderMap| async move {
                file(&headers, include_str!(concat!("page/", $file)), $media_type)
            })))*
        }
    };
}

files! {
    "/ui", "index.html", "text/html; charset=utf-8";
    "/ui/", "index.html", "text/html; charset=utf-8";
    "/ui/style.css", "style.css", "text/css; charset=utf-8";
    "/ui/app.js", "app.js", "text/javascript; charset=utf-8";
    "/ui/place.js", "place.js", "text/javascript; charset=utf-8";
    "/ui/data.js", "data.js", "text/javascript; charset=utf-8";
    "/ui/value.js", "value.js", "text/javascript; charset=utf-8";
    "/ui/edit.js", "edit.js", "text/javascript; charset=utf-8";
    "/ui/requests.js", "requests.js", "text/javascript; charset=utf-8";
    "/ui/dom.js", "dom.js", "text/javascript; charset=utf-8";
    "/ui/icon.svg", "icon.svg", "image/svg+xml";
}

/// The page and its doors, all below `/ui`.
pub(crate) fn routes(databases: Arc<dyn Databases>, activity: Arc<Activity>) -> Router {
    files()
        .route("/ui/v1/live", get(live::live))
        .route("/ui/v1/commit", post(edit::commit))
        .route("/ui/v1/delete", post(edit::delete))
        .layer(axum::middleware::map_response(guarded))
        .with_state(Rooms { databases, activity })
}

/// Everything from this origin, nothing from elsewhere, nothing inline: what a client stores is
/// text here, whatever it looks like.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'";

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

async fn guarded(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A file with its tag, so that a browser that has it asks and gets 304.
fn file(headers: &HeaderMap, text: &'static str, media_type: &'static str) -> Response {
    let tag = format!("\"{:016x}\"", fnv(text.as_bytes()));
    let held = headers.get(header::IF_NONE_MATCH).is_some_and(|held| held == tag.as_str());
    let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""));
    let caching =
        [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if held {
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
