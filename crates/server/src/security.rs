//! What keeps other sites' pages away from a service without sign-in.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::{Kind, Problem};

/// Everything from this origin, nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Refuses requests for another host: a name that someone points at 127.0.0.1 would make his page
/// the same origin as this service (DNS rebinding). Adds the security headers to every answer, and
/// the path to every problem.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or(""));
    let mut response = match host {
        Some(host) if !is_loopback(host) => {
            Problem::new(Kind::Host, "the host is not this machine's").at(&path).into_response()
        }
        _ => next.run(request).await,
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = std::mem::take(response.headers_mut());
        response = problem.at(&path).into_response();
        response.headers_mut().extend(headers.into_iter().filter_map(|(name, value)| {
            name.filter(|name| name != header::CONTENT_LENGTH).map(|name| (name, value))
        }));
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_names_are_its_own() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "[::1]:8080"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com:80", "10.0.0.1", "[::2]", "", "[::1"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
