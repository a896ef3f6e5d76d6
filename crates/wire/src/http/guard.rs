//! What keeps other sites' pages away from a server without sign-in.

use firekeep_core::{Error, ErrorKind};
use http::{HeaderMap, Request, Version, header};

use super::Problem;

/// Refuses what a browser sends on behalf of another site's page.
///
/// A page may send requests anywhere, and is only kept from reading the answers: it could clear a
/// database all the same. And a name that someone points at 127.0.0.1 makes his page the same origin
/// as this server. Official clients send neither header, or their own: no browser speaks HTTP/2
/// without TLS, so in calls the host is not looked at.
pub(super) fn check<B>(request: &Request<B>, any_host: bool) -> Result<(), Problem> {
    let headers = request.headers();
    let host = text(headers, header::HOST);
    if request.version() < Version::HTTP_2 && !any_host && !host.is_none_or(is_loopback) {
        return Err(forbidden(
            "the request is for another host; use 127.0.0.1 or localhost, which no other site can \
             call itself",
        ));
    }
    let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let is_own = text(headers, header::ORIGIN)
        .is_none_or(|origin| host.is_some_and(|host| origin.strip_prefix("http://") == Some(host)));
    // Navigation and images carry no origin; they change nothing.
    let is_from_elsewhere = headers
        .get("sec-fetch-site")
        .is_some_and(|site| !request.method().is_safe() && site != "same-origin" && site != "none");
    if is_own && !is_from_elsewhere {
        return Ok(());
    }
    Err(forbidden(
        "another site's page may not use this server, which has no sign-in; call it from a program, \
         or from a page that it serves itself",
    ))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or(""))
}

fn forbidden(message: &str) -> Problem {
    Problem::from(Error::new(ErrorKind::PermissionDenied, message))
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

    fn allowed(method: &str, version: Version, headers: &[(&str, &str)], any_host: bool) -> bool {
        let mut request = Request::builder().method(method).version(version).uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap(), any_host).is_ok()
    }

    #[test]
    fn only_this_machines_names_are_its_own() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "[::1]:8080"] {
            assert!(allowed("DELETE", Version::HTTP_11, &[("host", host)], false), "{host}");
        }
        let strange = ["example.com", "localhost.example.com:80", "10.0.0.1", "[::2]", "", "[::1"];
        for host in strange {
            assert!(!allowed("GET", Version::HTTP_11, &[("host", host)], false), "{host}");
            assert!(allowed("GET", Version::HTTP_11, &[("host", host)], true), "{host}");
        }
        assert!(allowed("POST", Version::HTTP_2, &[("host", "firestore.googleapis.com")], false));
    }

    #[test]
    fn a_page_of_another_site_is_refused_and_an_own_one_is_not() {
        let host = ("host", "localhost:8080");
        for origin in ["https://example.com", "http://localhost:3000", "null", ""] {
            for method in ["GET", "POST", "DELETE", "OPTIONS"] {
                let headers = [host, ("origin", origin)];
                assert!(!allowed(method, Version::HTTP_11, &headers, false), "{method} {origin}");
                assert!(!allowed(method, Version::HTTP_2, &headers, false), "{method} {origin}");
            }
        }
        let own = [host, ("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")];
        assert!(allowed("DELETE", Version::HTTP_11, &own, false));
    }

    #[test]
    fn a_browser_that_sends_no_origin_tells_where_a_change_comes_from() {
        let with = |site| [("host", "localhost"), ("sec-fetch-site", site)];
        assert!(!allowed("DELETE", Version::HTTP_11, &with("cross-site"), false));
        assert!(!allowed("POST", Version::HTTP_11, &with("same-site"), false));
        assert!(allowed("GET", Version::HTTP_11, &with("cross-site"), false), "a link to the page");
        assert!(allowed("POST", Version::HTTP_11, &with("none"), false));
    }
}
