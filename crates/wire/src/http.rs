//! The side doors: what is asked for in plain HTTP.

use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use tonic::body::Body;

/// Answers a request that is no call.
pub(crate) fn answer(request: &http::Request<Incoming>) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        // What test suites poll until the emulator is up.
        (&Method::GET, "/") => text(StatusCode::OK, "Ok\n"),
        _ => text(StatusCode::NOT_FOUND, "Not Found\n"),
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::from(text)));
    *response.status_mut() = status;
    response
}
