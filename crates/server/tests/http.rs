//! Every route, and what each says to bad input: a clear problem, nothing half-written.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use firekeep_core::{ErrorKind, Operation};
use firekeep_layers::Fault;
use serde_json::{Value, json};
use support::{Answer, READINGS, Service, batch, reading};

fn problem(answer: &Answer, status: u16, slug: &str) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["type"], format!("urn:firekeep:problem:{slug}"), "{problem}");
    assert_eq!(problem["status"], status);
    for field in ["title", "detail", "hint", "instance"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {problem}");
    }
    problem
}

#[tokio::test]
async fn a_reading_is_created_once() {
    let service = Service::new();
    let first = service.post_json(READINGS, reading(0)).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_eq!(first.headers[header::LOCATION], READINGS);
    let again = service.post_json(READINGS, reading(0)).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.json(), json!({"created": 0, "unchanged": 1, "ids": first.json()["ids"]}));
    assert_eq!(service.stored().await, 1);
}

#[tokio::test]
async fn a_batch_is_stored_and_read_back() {
    let service = Service::new();
    let answer = service.post_json(READINGS, batch(0..150)).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!((answer.json()["created"].as_u64(), service.stored().await), (Some(150), 150));
    for (n, reads) in [(1, 1), (100, 1), (120, 1), (140, 140)] {
        let before = service.meter.snapshot();
        let last = service.get(&format!("{READINGS}?last={n}")).await.json();
        let readings = last["readings"].as_array().unwrap();
        assert_eq!(readings.len(), n);
        assert_eq!(readings[0]["at"], "2015-02-02T02:29:00.000000Z");
        assert_eq!(readings[0]["values"]["temperature"], json!({"value": 34.9, "unit": "°C"}));
        assert_eq!(support::reads(before, &service.meter), reads, "the last {n}");
    }
}

#[tokio::test]
async fn pages_follow_their_cursors() {
    let service = Service::new();
    service.post_json(READINGS, batch(0..50)).await;
    let window = "from=2015-02-02T00:10:00Z&to=2015-02-02T01:30:00%2B01:00&limit=12";
    let query = format!("{READINGS}?{window}&direction=descending");
    let first = service.get(&query).await.json();
    let at = |page: &Value, n: usize| page["readings"][n]["at"].as_str().unwrap().to_owned();
    assert_eq!(at(&first, 0), "2015-02-02T00:29:00.000000Z");
    let next = first["next"].as_str().unwrap();
    let second = service.get(&format!("{query}&cursor={next}")).await.json();
    assert_eq!(second["readings"].as_array().unwrap().len(), 8);
    assert_eq!(at(&second, 7), "2015-02-02T00:10:00.000000Z");
    assert_eq!(second["next"], Value::Null);
    let previous = second["previous"].as_str().unwrap();
    let back = service.get(&format!("{query}&cursor={previous}")).await.json();
    assert_eq!(back["readings"], first["readings"]);
    let other = format!("{READINGS}?{window}&direction=ascending&cursor={next}");
    let detail = problem(&service.get(&other).await, 400, "cursor")["detail"].clone();
    assert!(detail.as_str().unwrap().contains("another query"), "{detail}");
    problem(&service.get(&format!("{query}&cursor=garbage")).await, 400, "cursor");
}

#[tokio::test]
async fn bad_readings_name_their_field_and_store_nothing() {
    let service = Service::new();
    let with = |field: &str, value: Value| {
        let mut reading = reading(0);
        *reading.pointer_mut(field).unwrap() = value;
        reading
    };
    let mut batch = batch(0..5);
    batch["readings"][3]["values"]["temperature"]["unit"] = json!("°X");
    let mut wrong_type = support::batch(0..3);
    wrong_type["readings"][1]["values"]["temperature"]["value"] = json!("secret");
    let unit = "/values/temperature/unit";
    for (body, field, says) in [
        (with(unit, json!("ppmm")), "values.temperature.unit", "near it are `ppm`"),
        (with(unit, json!("furlongs/fortnight")), "values.temperature.unit", "known are"),
        (with("/at", json!("yesterday")), "at", "RFC 3339"),
        (with("/at", json!("0000-12-31T23:59:59Z")), "at", "years 1 to 9999"),
        (with("/values", json!({})), "values", "1 to 32"),
        (with("/values", json!({"T!": {"value": 1, "unit": "K"}})), "values", "lower-case"),
        (json!({"values": {}}), ".", "missing field `at`"),
        (
            json!({"at": "2015-02-02T00:00:00Z", "device": "x", "values": {}}),
            "device",
            "unknown field",
        ),
        (json!({"id": "a/b", "at": "2015-02-02T00:00:00Z", "values": {}}), "id", "letters"),
        (batch, "readings[3].values.temperature.unit", "unknown unit"),
        (wrong_type, "readings[1].values.temperature.value", "must be f64"),
        (json!({"readings": 7}), "readings", "must be a sequence"),
        (json!([1]), ".", "must be an object"),
        (json!({"readings": [reading(0), [1]]}), "readings[1]", "must be an object"),
    ] {
        let answer = service.post_json(READINGS, body).await;
        let problem = problem(&answer, 422, "invalid-field");
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{says}: {problem}");
        assert!(!answer.text.contains("secret") && !answer.text.contains("furlongs"), "{problem}");
    }
    assert_eq!(service.stored().await, 0);
}

#[tokio::test]
async fn bad_bodies_are_told_apart() {
    let service = Service::new();
    for text in ["", "{", "{\"at\": 1,}", "not json", "{\"at\": 1e999}"] {
        let problem = problem(&service.post(READINGS, text).await, 400, "malformed");
        assert!(problem["detail"].as_str().unwrap().contains("line "), "{problem}");
    }
    let big = vec![b' '; 2 * 1024 * 1024];
    let problem_ = problem(&service.post(READINGS, big).await, 413, "too-large");
    assert!(problem_["detail"].as_str().unwrap().contains("1048576"), "{problem_}");
    let form = Request::post(READINGS).header(header::CONTENT_TYPE, "text/plain");
    let answer = service.call(form.body(Body::from(reading(0).to_string())).unwrap()).await;
    problem(&answer, 415, "media-type");
    assert_eq!(service.stored().await, 0);
}

#[tokio::test]
async fn bad_paths_and_parameters_are_named() {
    let service = Service::new();
    let no_device = service.post_json("/v1/tenants/acme/devices//readings", reading(0)).await;
    let no_device = problem(&no_device, 422, "invalid-field");
    assert_eq!(no_device["field"], "device", "{no_device}");
    for (path, field) in [
        ("/v1/tenants/acme/devices/a%2Fb/readings", "device"),
        ("/v1/tenants/a%20b/devices/x/readings", "tenant"),
        ("/v1/tenants/acme/devices/%2E%2E/readings", "device"),
        ("/v1/tenants/-/devices", "tenant"),
        ("/v1/tenants/acme/devices?after=%2F", "device"),
        ("/v1/tenants/acme/devices?limit=0", "limit"),
        ("/v1/tenants/acme/devices/x/readings?last=0", "last"),
        ("/v1/tenants/acme/devices/x/readings?last=1001", "last"),
        ("/v1/tenants/acme/devices/x/readings?limit=0", "limit"),
        ("/v1/tenants/acme/devices/x/readings?from=x", "from"),
        ("/v1/tenants/acme/devices/x/readings?to=2015", "to"),
        ("/v1/tenants/acme/devices/x/live?last=121", "last"),
    ] {
        let problem = problem(&service.get(path).await, 422, "invalid-field");
        assert_eq!(problem["field"], field, "{path}");
    }
    for path in [
        "/v1/tenants/acme/devices/x/readings?last=ten",
        "/v1/tenants/acme/devices/x/readings?lasst=1",
        "/v1/tenants/acme/devices/x/readings?direction=up",
        "/v1/tenants/acme/devices/x/readings?last=1&cursor=a",
        "/v1/tenants/acme/devices/%ff/readings",
    ] {
        problem(&service.get(path).await, 400, "malformed");
    }
    problem(&service.get("/v2").await, 404, "no-route");
    let delete = Request::delete(READINGS).body(Body::empty()).unwrap();
    problem(&service.call(delete).await, 405, "method");
    assert_eq!(service.meter.snapshot().rpcs, 0, "nothing was sent");
}

#[tokio::test]
async fn a_conflict_is_named_and_a_batch_tells_how_far_it_came() {
    let service = Service::new();
    let mut other = reading(3);
    other["values"]["temperature"]["value"] = json!(-1.0);
    service.post_json(READINGS, other).await;
    let single = problem(&service.post_json(READINGS, reading(3)).await, 409, "conflict");
    assert_eq!(single["field"], "id");
    let conflict = problem(&service.post_json(READINGS, batch(0..6)).await, 409, "conflict");
    assert_eq!((&conflict["field"], &conflict["done"]), (&json!("readings[3].id"), &json!(0)));
    assert_eq!(service.stored().await, 1);
}

#[tokio::test]
async fn a_store_that_fails_is_a_problem_that_says_what_to_do() {
    let service = Service::new();
    for (kind, status, slug) in [
        (ErrorKind::Unavailable, 503, "store-unavailable"),
        (ErrorKind::ResourceExhausted, 503, "store-busy"),
        (ErrorKind::PermissionDenied, 500, "set-up"),
        (ErrorKind::Internal, 500, "store"),
    ] {
        service.faults.next(Operation::BatchGet, Fault::Fail(kind));
        let answer = service.get("/healthz").await;
        problem(&answer, status, slug);
        assert_eq!(answer.headers.contains_key(header::RETRY_AFTER), status == 503);
    }
    assert_eq!(service.get("/healthz").await.json(), json!({"status": "ok", "backend": "memory"}));
}

#[tokio::test]
async fn devices_are_listed_and_the_list_is_kept_a_while() {
    let service = Service::new();
    let list = "/v1/tenants/acme/devices";
    assert_eq!(service.get(list).await.json(), json!({"devices": []}));
    service.post_json(READINGS, reading(5)).await;
    let before = service.meter.snapshot();
    for _ in 0..10 {
        let devices = service.get(list).await.json();
        assert_eq!(devices["devices"][0]["id"], "room");
        assert_eq!(devices["devices"][0]["last_at"], "2015-02-02T00:05:00.000000Z");
    }
    assert_eq!(support::reads(before, &service.meter), 1);
    service.clock.advance(std::time::Duration::from_secs(61));
    service.get(list).await;
    assert_eq!(support::reads(before, &service.meter), 2);
    service.post_json("/v1/tenants/acme/devices/hall/readings", reading(6)).await;
    let devices = service.get(list).await.json();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2, "a new device shows at once");
    let page = service.get(&format!("{list}?after=hall&limit=1")).await.json();
    assert_eq!(page["devices"][0]["id"], "room");
}

#[tokio::test]
async fn metrics_count_requests_and_what_the_store_was_asked() {
    let service = Service::new();
    service.post_json(READINGS, reading(0)).await;
    service.get("/nowhere").await;
    let metrics = service.get("/metrics").await;
    assert!(metrics.headers[header::CONTENT_TYPE].to_str().unwrap().contains("openmetrics"));
    let line = |start: &str| {
        let mut lines = metrics.text.lines().filter(|line| line.starts_with(start));
        lines.next().unwrap_or_else(|| panic!("no {start} in {}", metrics.text)).to_owned()
    };
    let route = "/v1/tenants/{tenant}/devices/{device}/readings";
    let posted = format!(
        "firekeep_http_requests_total{{method=\"POST\",route=\"{route}\",status=\"201\"}} 1"
    );
    assert_eq!(line("firekeep_http_requests_total{method=\"POST\""), posted);
    assert!(line("firekeep_http_requests_total{method=\"GET\",route=\"none\"").ends_with(" 1"));
    let writes = "firekeep_store_billed_writes_total{feature=\"telemetry\",operation=\"commit\"}";
    assert_eq!(line(writes), format!("{writes} 2"));
    let reads = "firekeep_store_billed_reads_total{feature=\"telemetry\",operation=\"batch_get\"}";
    assert_eq!(line(reads), format!("{reads} 1"));
    assert!(line("firekeep_http_request_seconds_count").ends_with(" 1"));
    assert!(metrics.text.ends_with("# EOF\n"));
    assert!(!metrics.text.contains("acme"), "a label holds no id");
}

#[tokio::test]
async fn the_status_is_the_metrics_for_the_page() {
    let service = Service::new();
    service.post_json(READINGS, reading(0)).await;
    let status = service.get("/v1/status").await.json();
    assert_eq!(status["backend"], "memory");
    assert_eq!(status["tenant"], "demo");
    assert_eq!(status["total"], json!({"rpcs": 2, "reads": 1, "writes": 2, "deletes": 0}));
    assert_eq!(status["last_minute"], status["total"]);
    assert_eq!(status["operations"]["commit"]["writes"], 2);
}

#[tokio::test]
async fn the_document_describes_itself() {
    let document = Service::new().get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let post = &document["paths"]["/v1/tenants/{tenant}/devices/{device}/readings"]["post"];
    assert!(post["requestBody"]["content"]["application/json"]["schema"].is_object(), "{post}");
    assert!(post["responses"]["default"]["content"]["application/problem+json"].is_object());
    assert!(document["components"]["schemas"]["NewReading"]["properties"]["at"].is_object());
}

#[tokio::test]
async fn pages_come_with_a_strict_policy_and_a_tag() {
    let service = Service::new();
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/devices/acme/room", "text/html; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/chart.js", "text/javascript; charset=utf-8"),
        ("/assets/format.js", "text/javascript; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
        ("/favicon.ico", "image/svg+xml"),
    ] {
        let answer = service.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], media_type);
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let from_elsewhere = ["http://", "https://", "//cdn"]
            .iter()
            .any(|url| answer.text.replace("http://www.w3.org/", "").contains(url));
        assert!(!from_elsewhere, "{path} names another origin");
        let held = Request::get(path).header(header::IF_NONE_MATCH, &answer.headers[header::ETAG]);
        let again = service.call(held.body(Body::empty()).unwrap()).await;
        assert_eq!((again.status, again.text.len()), (StatusCode::NOT_MODIFIED, 0));
    }
    assert_eq!(service.meter.snapshot().rpcs, 0, "looking costs nothing");
}

#[tokio::test]
async fn another_hosts_requests_are_refused() {
    let service = Service::new();
    for (host, status) in [("localhost:8080", 200), ("[::1]", 200), ("evil.example", 421)] {
        let request = Request::get("/v1/status").header(header::HOST, host);
        let answer = service.call(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{host}");
    }
}
