//! An answer that is no success, in the shape of Firestore's REST errors.

use axum::Json;
use axum::response::{IntoResponse, Response};
use firekeep_core::Error;
use http::StatusCode;
use serde_json::json;
use tonic::Code;

use crate::status::code;

/// Why a door did not do what was asked. Its answer is what Firestore's REST interface would say:
/// `{"error": {"code": 404, "message": …, "status": "NOT_FOUND"}}`.
#[derive(Debug)]
pub struct Problem(Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (http, status) = names(code(self.0.kind()));
        let place = self.0.path().map(|path| format!(" ({path})")).unwrap_or_default();
        let message = format!("{}{place}", self.0.message());
        let error = json!({ "code": http.as_u16(), "message": message, "status": status });
        (http, Json(json!({ "error": error }))).into_response()
    }
}

/// What a code is called, and its number in HTTP.
fn names(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
        Code::FailedPrecondition => (StatusCode::BAD_REQUEST, "FAILED_PRECONDITION"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Code::Aborted => (StatusCode::CONFLICT, "ABORTED"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "ALREADY_EXISTS"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED"),
        Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
    }
}
