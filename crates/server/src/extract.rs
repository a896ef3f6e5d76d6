//! What handlers take from a request, checked, with problems for answers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use firekeep_jobs::JobId;
use firekeep_telemetry::{DeviceId, Reading, TenantId};
use serde::de::DeserializeOwned;

use crate::app::State;
use crate::problem::{Kind, Problem};
use crate::wire::{NewReading, NewReadings};

/// The largest body: 1 MiB, some thousands of readings.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The tenant that the path names.
pub(crate) struct TenantRef(pub(crate) TenantId);

/// The device that the path names.
pub(crate) struct DeviceRef {
    pub(crate) tenant: TenantId,
    pub(crate) device: DeviceId,
}

/// The job that the path names.
pub(crate) struct JobRef(pub(crate) JobId);

/// The query string as `T`.
pub(crate) struct Params<T>(pub(crate) T);

impl FromRequestParts<Arc<State>> for TenantRef {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(tenant) = path.map_err(|e| Problem::new(Kind::Syntax, e.body_text()))?;
        Ok(Self(TenantId::new(tenant)?))
    }
}

impl FromRequestParts<Arc<State>> for DeviceRef {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((tenant, device)) = path.map_err(|e| Problem::new(Kind::Syntax, e.body_text()))?;
        Ok(Self { tenant: TenantId::new(tenant)?, device: DeviceId::new(device)? })
    }
}

impl FromRequestParts<Arc<State>> for JobRef {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(job) = path.map_err(|e| Problem::new(Kind::Syntax, e.body_text()))?;
        Ok(Self(JobId::new(job)?))
    }
}

impl<T: DeserializeOwned> FromRequestParts<Arc<State>> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(params) = query.map_err(|error| {
            Problem::new(Kind::Syntax, format!("the query string: {}", error.body_text()))
        })?;
        Ok(Self(params))
    }
}

/// The readings in a body: one reading, or `{"readings": […]}`.
pub(crate) struct Body {
    pub(crate) readings: Vec<Reading>,
    pub(crate) is_batch: bool,
}

impl FromRequest<Arc<State>> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let DeviceRef { tenant, device } = DeviceRef::from_request_parts(&mut parts, state).await?;
        check_media_type(&parts.headers)?;
        let request = Request::from_parts(parts, body);
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        parse(&bytes, &tenant, &device)
    }
}

/// A page of another site can post text to this service, but JSON only if the service agrees.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Problem::new(Kind::MediaType, "the body must be application/json"))
}

fn unread(rejection: BytesRejection) -> Problem {
    let is_large = matches!(
        rejection,
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))
    ) || rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
    if is_large {
        return Problem::new(Kind::TooLarge, format!("a body has at most {MAX_BODY_BYTES} bytes"));
    }
    Problem::new(Kind::Timeout, "the body ended early")
}

fn parse(bytes: &[u8], tenant: &TenantId, device: &DeviceId) -> Result<Body, Problem> {
    let json: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::new(Kind::Syntax, format!("not JSON: line {line}, column {column}"))
    })?;
    check_objects(&json)?;
    if json.get("readings").is_none() {
        let reading: NewReading = typed(json)?;
        return Ok(Body { readings: vec![reading.parse(tenant, device)?], is_batch: false });
    }
    let batch: NewReadings = typed(json)?;
    let parsed = batch.readings.into_iter().enumerate().map(|(index, reading)| {
        let parsed = reading.parse(tenant, device);
        parsed.map_err(|invalid| Problem::from(invalid.inside(format!("readings[{index}]"))))
    });
    Ok(Body { readings: parsed.collect::<Result<_, _>>()?, is_batch: true })
}

/// serde would take a list for the fields of a reading in their order.
fn check_objects(json: &serde_json::Value) -> Result<(), Problem> {
    let not_object = |field: String| {
        let rule = "must be an object: a reading, or `readings` with a list of them";
        Err(Problem::new(Kind::Field, format!("`{field}`: {rule}")).in_field(field))
    };
    if !json.is_object() {
        return not_object(".".to_owned());
    }
    let batch = json.get("readings").and_then(serde_json::Value::as_array);
    match batch.and_then(|batch| batch.iter().position(|reading| !reading.is_object())) {
        Some(index) => not_object(format!("readings[{index}]")),
        None => Ok(()),
    }
}

fn typed<T: DeserializeOwned>(json: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let field = error.path().to_string();
        let rule = without_value(&error.inner().to_string());
        Problem::new(Kind::Field, format!("`{field}`: {rule}")).in_field(field)
    })
}

/// What serde says, without the value that it quotes.
fn without_value(message: &str) -> String {
    if !message.starts_with("invalid ") {
        return message.to_owned();
    }
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    expected.map_or_else(|| "has the wrong type".to_owned(), |e| format!("must be {e}"))
}
