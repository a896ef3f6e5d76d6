//! What is refused before any handler sees it: requests that are no calls, and calls that are too
//! long.

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::status::TOO_LONG;

/// What HTTP says to a request for a method of the service that is no call of gRPC.
pub(crate) fn no_call<B>(request: &Request<B>) -> Option<Response<Body>> {
    if request.method() != Method::POST {
        let mut refusal = refused(StatusCode::METHOD_NOT_ALLOWED, "a call of gRPC is a POST\n");
        refusal.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        return Some(refusal);
    }
    if !is_grpc(request.headers()) {
        let why = "a call of gRPC is of the type application/grpc\n";
        return Some(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    None
}

/// Whether a request means to be a call.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let subtype = kind.and_then(|kind| kind.strip_prefix("application/grpc"));
    subtype.is_some_and(|subtype| {
        let subtype = subtype.split(';').next().unwrap_or("").trim_end();
        matches!(subtype, "" | "+proto")
    })
}

/// The answer, with production's words for a request that is too long.
pub(crate) fn reworded(answer: Response<Body>) -> Response<Body> {
    match Status::from_header_map(answer.headers()).as_ref().and_then(too_long) {
        Some(status) => status.into_http(),
        None => answer,
    }
}

/// What production says, if `status` is what tonic says of a message that is too long.
pub(crate) fn too_long(status: &Status) -> Option<Status> {
    let is_too_long = status.code() == Code::OutOfRange && status.message().contains(TOO_LARGE);
    is_too_long.then(|| Status::invalid_argument(TOO_LONG))
}

fn refused(code: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::from(why)));
    *response.status_mut() = code;
    response
}

/// What tonic says of a message that is too long.
const TOO_LARGE: &str = "message length too large";
