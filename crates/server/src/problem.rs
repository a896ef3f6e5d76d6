//! Errors as problem documents (RFC 9457): what went wrong, where, and what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use firekeep_core::{Effect, Error, ErrorKind};
use firekeep_telemetry::{BatchError, Invalid, ReadingError};
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong, as `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Which kind of problem: `urn:firekeep:problem:{name}`.
    #[serde(rename = "type")]
    #[schema(example = "urn:firekeep:problem:invalid-field")]
    kind: &'static str,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    instance: Option<Box<str>>,
    /// What to do.
    hint: &'static str,
    /// The field to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    field: Option<Box<str>>,
    /// In a batch: how many readings from the start are stored for certain.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<usize>,
}

/// The result of a handler.
pub(crate) type Answer<T> = Result<T, Problem>;

macro_rules! kinds {
    ($($name:ident = $status:ident, $slug:literal, $title:literal, $hint:literal;)*) => {
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Kind { $($name),* }

        impl Kind {
            fn parts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
                match self {
                    $(Self::$name => {
                        let kind = concat!("urn:firekeep:problem:", $slug);
                        (StatusCode::$status, kind, $title, $hint)
                    }),*
                }
            }
        }
    };
}

kinds! {
    Syntax = BAD_REQUEST, "malformed", "The request is malformed",
        "compare the request with /openapi.json";
    Field = UNPROCESSABLE_ENTITY, "invalid-field", "A field breaks a rule",
        "correct the field and send the whole request again; nothing was stored";
    Cursor = BAD_REQUEST, "cursor", "The cursor can't be used",
        "start again without a cursor";
    Conflict = CONFLICT, "conflict", "The id is taken by another reading",
        "readings are immutable: give the new one another id";
    NoJob = NOT_FOUND, "no-job", "There is no such job",
        "the jobs are listed at /v1/jobs";
    NoRoute = NOT_FOUND, "no-route", "There is nothing here",
        "the routes are listed in /openapi.json";
    Method = METHOD_NOT_ALLOWED, "method", "The route does not take this method",
        "the methods are listed in /openapi.json";
    TooLarge = PAYLOAD_TOO_LARGE, "too-large", "The body is too large",
        "send the readings in several requests; nothing was stored";
    MediaType = UNSUPPORTED_MEDIA_TYPE, "media-type", "The body is not declared as JSON",
        "send the header `content-type: application/json`";
    Host = MISDIRECTED_REQUEST, "host", "The request is meant for another host",
        "the service answers on localhost, 127.0.0.1 and [::1] only, as long as there is no sign-in";
    Timeout = REQUEST_TIMEOUT, "timeout", "The body did not arrive",
        "send the request again; readings are idempotent by id";
    Unavailable = SERVICE_UNAVAILABLE, "store-unavailable", "The store does not answer",
        "send the request again in a while; readings are idempotent by id";
    Busy = SERVICE_UNAVAILABLE, "store-busy", "The store is at its limit",
        "slow down and send the request again; readings are idempotent by id";
    Store = INTERNAL_SERVER_ERROR, "store", "The store failed",
        "tell the operator; the log has the cause";
    SetUp = INTERNAL_SERVER_ERROR, "set-up", "The database is not set up for this",
        "tell the operator: an index, a permission or a credential is missing";
    Closing = SERVICE_UNAVAILABLE, "closing", "The service is shutting down",
        "connect again in a while";
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (status, kind, title, hint) = kind.parts();
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into().into(),
            instance: None,
            hint,
            field: None,
            done: None,
        }
    }

    /// Names the request.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.instance.get_or_insert_with(|| path.into());
        self
    }

    pub(crate) fn in_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into().into());
        self
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::new(Kind::Field, invalid.to_string()).in_field(invalid.field)
    }
}

impl From<ReadingError> for Problem {
    fn from(error: ReadingError) -> Self {
        match error {
            ReadingError::Invalid(invalid) => invalid.into(),
            ReadingError::Cursor(error) => {
                Self::new(Kind::Cursor, error.to_string()).in_field("cursor")
            }
            ReadingError::Store(error) => error.into(),
            other => Self::new(Kind::Conflict, other.to_string()).in_field("id"),
        }
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let done = error.done;
        let index = error.index;
        let mut problem = Self::from(error.source);
        problem.done = Some(done);
        if let (Some(index), Some(field)) = (index, &problem.field) {
            problem.field = Some(format!("readings[{index}].{field}").into());
        }
        problem
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use ErrorKind as K;
        let kind = match error.kind() {
            K::InvalidArgument => Kind::Field,
            K::Unavailable | K::DeadlineExceeded | K::Aborted => Kind::Unavailable,
            K::ResourceExhausted => Kind::Busy,
            K::MissingIndex | K::Unauthenticated | K::PermissionDenied | K::Unimplemented => {
                Kind::SetUp
            }
            _ => Kind::Store,
        };
        if kind.parts().0.is_server_error() {
            tracing::warn!(kind = %error.kind(), effect = ?error.effect(), %error, "the store failed");
        }
        // What a backend says may hold what its operator would not publish; its kind does not.
        let detail = match (kind, error.effect()) {
            (Kind::Field, _) => error.to_string(),
            (_, Effect::Unknown) => {
                format!("the store answered {}; the readings may be stored", error.kind())
            }
            (_, Effect::None) => format!("the store answered {}", error.kind()),
        };
        Self::new(kind, detail)
    }
}

impl From<firekeep_lock::Error> for Problem {
    fn from(error: firekeep_lock::Error) -> Self {
        use firekeep_lock::ErrorKind as K;
        let kind = match error.kind() {
            K::ServiceUnavailable | K::NetworkTimeout => Kind::Unavailable,
            K::RateLimited => Kind::Busy,
            K::AuthFailed => Kind::SetUp,
            _ => Kind::Store,
        };
        // The kind alone, for the reason given above.
        Self::new(kind, format!("the locks can't be read: {}", error.kind()))
    }
}

impl From<firekeep_jobs::Error> for Problem {
    fn from(error: firekeep_jobs::Error) -> Self {
        use firekeep_jobs::Error as E;
        match error {
            E::Store(error) => error.into(),
            E::Lock(error) => error.into(),
            E::NotFound(_) | E::Deleted(_) => Self::new(Kind::NoJob, error.to_string()),
            E::Invalid { what, .. } => Self::new(Kind::Field, error.to_string()).in_field(what),
            other => {
                tracing::warn!(error = %other, "a job can't be shown");
                Self::new(Kind::Store, "the job can't be read")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Strings and numbers always serialize.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, json)], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
