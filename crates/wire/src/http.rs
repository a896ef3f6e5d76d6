//! The side doors: what is asked for in plain HTTP.

mod guard;
mod problem;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use firekeep_core::{Error, ErrorKind};
use http::{HeaderValue, StatusCode, Version, header};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt;

use crate::databases::Databases;
use crate::name::DatabaseName;

pub use problem::Problem;

/// The doors of a server, and who may use them.
#[derive(Clone, Debug)]
pub(crate) struct SideDoors {
    router: Router,
    any_host: bool,
}

impl SideDoors {
    /// The official emulator's doors, and `routes`.
    pub(crate) fn new(databases: Arc<dyn Databases>, routes: Router, any_host: bool) -> Self {
        let own = Router::new()
            .route("/", get(ok))
            .route("/emulator/v1/projects/{project}/databases/{database}/documents", delete(clear))
            .fallback(not_found)
            .with_state(databases);
        Self { router: own.merge(routes), any_host }
    }

    /// The answer to a request that must not be served, door or call.
    pub(crate) fn refusal(
        &self,
        request: &http::Request<Incoming>,
    ) -> Option<http::Response<Body>> {
        let problem =
            guard::check(request, self.any_host).and_then(|()| unspoken(request)).err()?;
        Some(problem.into_response().map(Body::new))
    }

    /// Answers a request that is no call to a method of Firestore's.
    pub(crate) async fn answer(&self, request: http::Request<Incoming>) -> http::Response<Body> {
        let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        if kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
            return Status::unimplemented("only google.firestore.v1.Firestore is served")
                .into_http();
        }
        let request = request.map(axum::body::Body::new);
        let answer: Result<Response, Infallible> = self.router.clone().oneshot(request).await;
        match answer {
            Ok(response) => response.map(Body::new),
            Err(never) => match never {},
        }
    }
}

/// Refuses what speaks neither gRPC nor to a door, and would otherwise get an answer that it can't
/// make sense of.
fn unspoken<B>(request: &http::Request<B>) -> Result<(), Problem> {
    let path = request.uri().path();
    let is_call = path.starts_with("/google.firestore.") && request.version() < Version::HTTP_2;
    if !is_call && !path.starts_with("/v1/") && !path.starts_with("/v1beta1/") {
        return Ok(());
    }
    Err(Problem::from(Error::new(
        ErrorKind::Unimplemented,
        "neither Firestore's REST interface nor the web client's protocol is served; use a client \
         that speaks gRPC over HTTP/2, as the official ones for servers do",
    )))
}

/// What test suites poll until the emulator is up.
async fn ok() -> &'static str {
    "Ok\n"
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "Not Found\n")
}

/// Deletes what is in a database, as test suites do between tests. Answered byte for byte as the
/// official emulator answers.
async fn clear(
    State(databases): State<Arc<dyn Databases>>,
    Path((project, database)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let name = DatabaseName::new(&format!("projects/{project}/databases/{database}"))?;
    databases.clear(&name)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], "{\n}\n"))
}
