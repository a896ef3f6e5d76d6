//! Every route, in one table.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get};

use crate::app::State;
use crate::problem::{Kind, Problem};
use crate::{
    devices, extract, health, jobs, live, locks, metrics, openapi, page, readings, security,
};

/// A route: its methods, its path, what answers.
type Route = (&'static [&'static str], &'static str, MethodRouter<Arc<State>>);

/// What programs use; each is in the OpenAPI document.
fn api() -> Vec<Route> {
    vec![
        (&["get", "post"], READINGS, get(readings::read).post(readings::write)),
        (&["get"], LIVE, get(live::follow)),
        (&["get"], "/v1/tenants/{tenant}/devices", get(devices::list)),
        (&["get"], "/v1/locks", get(locks::list)),
        (&["get"], "/v1/jobs", get(jobs::list)),
        (&["get"], "/v1/jobs/{job}", get(jobs::show)),
        (&["get"], "/v1/jobs/{job}/events", get(jobs::follow)),
        (&["get"], "/v1/status", get(health::status)),
        (&["get"], "/healthz", get(health::healthz)),
        (&["get"], "/metrics", get(metrics::metrics)),
        (&["get"], "/openapi.json", get(openapi::document)),
    ]
}

const READINGS: &str = "/v1/tenants/{tenant}/devices/{device}/readings";
const LIVE: &str = "/v1/tenants/{tenant}/devices/{device}/live";

/// What people look at.
fn pages() -> Vec<Route> {
    vec![
        (&["get"], "/", get(page::index)),
        (&["get"], "/devices/{tenant}/{device}", get(page::index)),
        (&["get"], "/jobs", get(page::jobs)),
        (&["get"], "/jobs/{job}", get(page::jobs)),
        (&["get"], "/assets/style.css", get(page::style)),
        (&["get"], "/assets/app.js", get(page::app)),
        (&["get"], "/assets/chart.js", get(page::chart)),
        (&["get"], "/assets/format.js", get(page::format)),
        (&["get"], "/assets/locks.js", get(page::locks)),
        (&["get"], "/assets/jobs.js", get(page::jobs_script)),
        (&["get"], "/assets/board.js", get(page::board)),
        (&["get"], "/assets/board.css", get(page::board_style)),
        (&["get"], "/assets/icon.svg", get(page::icon)),
        (&["get"], "/favicon.ico", get(page::icon)),
    ]
}

pub(crate) fn router(state: Arc<State>) -> Router {
    let routes = api().into_iter().chain(pages());
    let router = routes.fold(Router::new(), |router, (_, path, route)| router.route(path, route));
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(extract::MAX_BODY_BYTES))
        .layer(from_fn(security::guard))
        .layer(from_fn_with_state(Arc::clone(&state), metrics::observe))
        .with_state(state)
}

async fn no_route() -> Problem {
    Problem::new(Kind::NoRoute, "no route has this path")
}

async fn no_method() -> Problem {
    Problem::new(Kind::Method, "this path does not take this method")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_openapi_document_has_exactly_the_routes_for_programs() {
        let document = serde_json::to_value(<openapi::Api as utoipa::OpenApi>::openapi()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let described: BTreeSet<String> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| format!("{method} {path}"))
            })
            .collect();
        let served: BTreeSet<String> = api()
            .iter()
            .flat_map(|(methods, path, _)| methods.iter().map(move |m| format!("{m} {path}")))
            .collect();
        assert_eq!(described, served);
    }
}
