//! What a request says.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use firekeep::Error;
use firekeep::wire::Problem;
use serde::de::DeserializeOwned;

/// A request's body as JSON, whatever type it claims: `curl --data` claims a form's. An empty one
/// is an empty object.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| Error::invalid(format!("no body: {error}")))?;
        let json: &[u8] = if body.is_empty() { b"{}" } else { &body };
        match serde_json::from_slice(json) {
            Ok(asked) => Ok(Self(asked)),
            Err(error) => {
                Err(Error::invalid(format!("the body is not what is expected: {error}")).into())
            }
        }
    }
}
