//! The emulator's page in a real browser: it shows what clients store and ask for as it happens, and
//! changes what they read.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a skip says why")]

#[path = "../../server/tests/chromium/mod.rs"]
mod chromium;
mod emulated;
mod program;

use std::time::Duration;

use chromium::Chromium;
use emulated::Emulated;
use firekeep::{Db, Fields, Query, Value, WatchFrom, fields};
use serde_json::{Value as Json, json};

const PROJECT: &str = "demo";

/// An emulator, a client, and a browser that shows `hash` of the page.
struct Looking {
    _emulated: Emulated,
    db: Db,
    page: Chromium,
}

impl Looking {
    async fn at(hash: &str) -> Self {
        let emulated = Emulated::start(&[]);
        let db = emulated.db(PROJECT);
        let mut page = Chromium::start().await;
        page.open(&emulated.url(&format!("/ui{hash}"))).await;
        Self { _emulated: emulated, db, page }
    }

    async fn write(&self, path: &str, fields: Fields) {
        self.db.set(path, fields).await.unwrap();
    }

    /// Waits until the value of `expression`, `it`, meets `condition`; answers the value.
    async fn until(&mut self, expression: &str, condition: &str) -> Json {
        self.page.wait_for(expression, condition, Duration::from_secs(30)).await
    }

    /// Clicks what `selector` finds, once it is there.
    async fn click(&mut self, selector: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        self.until(&format!("!!{found}"), "it").await;
        self.until(&format!("({found}.click(), true)"), "it").await;
    }

    /// Puts `text` into the field that `selector` finds.
    async fn fill(&mut self, selector: &str, text: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        let text = json!(text);
        self.until(&format!("({found}.value = {text}, true)"), "it").await;
    }

    /// What the list called `id` shows.
    async fn listed(&mut self, id: &str, condition: &str) -> Json {
        let items =
            format!("[...document.querySelectorAll('#{id} li')].map((li) => li.textContent)");
        self.until(&items, condition).await
    }
}

const FIELDS: &str = "[...document.querySelectorAll('#fields .field')].map((field) => \
    [...field.querySelectorAll(':scope > .name, :scope > .type, :scope > .value')]\
    .map((part) => part.textContent))";

#[tokio::test]
async fn documents_show_the_moment_they_are_written() {
    let mut looking = Looking::at("").await;
    looking.until("document.getElementById('main').dataset.state", "it === 'live'").await;
    looking.until("(window.isTheSame = true)", "it").await;
    looking.write("users/ada", fields! { "name" => "Ada" }).await;
    looking.listed("collection-list", "it.join() === 'users'").await;
    looking.click("#collection-list a").await;
    looking.listed("document-list", "it.join() === 'ada'").await;
    looking.write("users/grace", fields! {}).await;
    looking.write("users/ghost/letters/boo", fields! {}).await;
    looking.listed("document-list", "it.join() === 'ada,ghost,grace'").await;
    let missing =
        "[...document.querySelectorAll('#document-list .missing')].map((li) => li.textContent)";
    looking.until(missing, "it.join() === 'ghost'").await;

    looking.click("#document-list a").await;
    looking.until(FIELDS, "it[0]?.join() === 'name,string,Ada'").await;
    looking.write("users/ada", fields! { "name" => "Ada L", "born" => 1815 }).await;
    looking
        .until(
            FIELDS,
            "it[0]?.join() === 'born,integer,1815' && it[1].join() === 'name,string,Ada L'",
        )
        .await;
    looking.write("users/ada/letters/first", fields! {}).await;
    looking.listed("below-list", "it.join() === 'letters'").await;
    looking.db.delete("users/ada").await.unwrap();
    looking
        .until(
            "document.getElementById('document-none').textContent",
            "it.includes('does not exist')",
        )
        .await;
    looking.until("window.isTheSame", "it === true").await;
    assert_eq!(looking.page.complaints(), Vec::<String>::new());
}

const ADA: &str = "#/projects/demo/databases/(default)/documents/users/ada";

#[tokio::test]
async fn what_is_edited_in_the_page_is_in_the_store() {
    let mut looking = Looking::at(ADA).await;
    looking.write("users/ada", fields! { "born" => 1814, "a.b" => fields! { "c" => "d" } }).await;
    let edit = |label: &str| format!("#fields [aria-label='{label}']");

    looking.click(&edit("Edit born")).await;
    looking.fill("#field-value", "many").await;
    looking.click("#dialog-ok").await;
    looking
        .until("document.getElementById('dialog-wrong').textContent", "it.includes('digits')")
        .await;
    looking.fill("#field-value", "1815").await;
    looking.click("#dialog-ok").await;
    looking.until(FIELDS, "it.some((row) => row.join() === 'born,integer,1815')").await;
    looking.click(&edit("Edit a.b.c")).await;
    looking.fill("#field-value", "e").await;
    looking.click("#dialog-ok").await;
    looking.until(FIELDS, "it.some((row) => row.join() === 'c,string,e')").await;
    let ada = looking.db.get("users/ada").await.unwrap().unwrap();
    assert_eq!(*ada.fields(), fields! { "born" => 1815, "a.b" => fields! { "c" => "e" } });

    looking.click(&edit("Delete a.b")).await;
    looking.click("#dialog-ok").await;
    looking.until(FIELDS, "it.length === 1").await;
    looking.click("#edit-document").await;
    looking.fill("#edit-fields", r#"{"name": {"stringValue": "Ada"}}"#).await;
    looking.click("#dialog-ok").await;
    looking.until(FIELDS, "it.length === 1 && it[0].join() === 'name,string,Ada'").await;
    let ada = looking.db.get("users/ada").await.unwrap().unwrap();
    assert_eq!(*ada.fields(), fields! { "name" => "Ada" });

    looking.write("users/ada/letters/first", fields! {}).await;
    looking.click("#add-document").await;
    looking.fill("#new-id", "grace").await;
    looking.click("#dialog-ok").await;
    looking.until("document.getElementById('document-title').textContent", "it === 'grace'").await;
    let grace = looking.db.get("users/grace").await.unwrap().unwrap();
    assert_eq!(grace.get("name"), Some(&Value::from("Ada")));

    looking.click("#delete-collection").await;
    looking.click("#dialog-ok").await;
    looking.listed("collection-list", "it.length === 0").await;
    for path in ["users/ada", "users/grace", "users/ada/letters/first"] {
        assert_eq!(looking.db.get(path).await.unwrap(), None, "{path}");
    }
}

#[tokio::test]
async fn calls_show_with_what_they_are_billed_and_streams_while_they_are_open() {
    let mut looking = Looking::at("#/requests").await;
    looking.until("document.getElementById('main').dataset.state", "it === 'live'").await;
    looking.write("users/ada", fields! { "secret" => "hunter2" }).await;
    looking.db.query(Query::collection("users").limit(5)).await.unwrap();
    looking.db.get("users/ada").await.unwrap();
    let rows = "[...document.querySelectorAll('#log tr')].map((row) => \
        [...row.querySelectorAll('th, .detail, .status, .bill')].map((part) => part.firstChild.textContent).join(' '))";
    let shown = looking.until(rows, "it.length === 3").await;
    assert_eq!(shown[2], "Commit set users/ada OK 1 w");
    assert_eq!(shown[1], "RunQuery users limit 5 OK 1 r");
    assert_eq!(shown[0], "BatchGetDocuments users/ada OK 1 r");

    let mut watched = looking.db.watch(Query::collection("users"), WatchFrom::Start).unwrap();
    futures::StreamExt::next(&mut watched).await.unwrap().unwrap();
    let streams = "document.getElementById('streams').textContent";
    looking
        .until(streams, "it.includes('Listen') && it.includes('1 target') && it.includes('users')")
        .await;
    drop(watched);
    looking.until(streams, "it === ''").await;

    looking
        .until(
            "(() => { const by = document.getElementById('by-method'); by.value = 'Commit'; \
        by.dispatchEvent(new Event('input')); return true; })()",
            "it",
        )
        .await;
    looking.until(rows, "it.length === 1 && it[0].startsWith('Commit')").await;
    let all = looking.until("document.body.textContent + document.body.innerHTML", "it").await;
    assert!(
        !all.as_str().unwrap().contains("hunter2"),
        "values of fields are none of the log's business"
    );
    assert_eq!(looking.page.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn hostile_names_are_text() {
    let mut looking = Looking::at("").await;
    let hostile = "<img src=x onerror='window.pwned=1'>";
    let fields: Fields = [
        (hostile.to_owned(), Value::from(hostile)),
        ("__proto_".into(), Value::from("javascript:pwned=1")),
    ]
    .into();
    looking.write(&format!("{hostile}c/{hostile}d"), fields.clone()).await;
    looking.write(&format!("{hostile}c/{hostile}d/{hostile}e/f"), fields).await;
    looking.listed("collection-list", "it.length === 1").await;
    looking.click("#collection-list a").await;
    let listed = looking.listed("document-list", "it.length === 1").await;
    assert_eq!(listed[0], format!("{hostile}d"));
    looking.click("#document-list a").await;
    let shown = looking.until(FIELDS, "it.length === 2").await;
    assert_eq!(shown[0], json!([hostile, "string", hostile]));
    looking.listed("below-list", "it.length === 1").await;
    looking.click("#tab-requests").await;
    looking.db.get(format!("{hostile}c/{hostile}d")).await.unwrap();
    looking.until("document.getElementById('log').textContent", "it.includes('onerror')").await;
    let made = "({ images: document.querySelectorAll('main img, main script').length, pwned: window.pwned ?? null })";
    let made = looking.until(made, "it").await;
    assert_eq!(made, json!({ "images": 0, "pwned": null }));
    assert_eq!(looking.page.complaints(), Vec::<String>::new());
}

#[test]
fn the_doors_are_for_the_page_alone() {
    let emulated = Emulated::start(&[]);
    let body = r#"{"database": "projects/demo/databases/(default)", "path": ""}"#;
    let send = |headers: &[(&str, &str)]| {
        let mut request = ureq::post(emulated.url("/ui/v1/delete"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.config().http_status_as_error(false).build().send(body).unwrap();
        response.status().as_u16()
    };
    let json = ("content-type", "application/json");
    assert_eq!(send(&[json, ("origin", "https://example.com")]), 403);
    assert_eq!(send(&[json, ("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(send(&[("content-type", "text/plain")]), 400, "what a form can send");
    assert_eq!(send(&[json, ("origin", &emulated.url(""))]), 200);
    let response = ureq::get(emulated.url("/ui")).call().unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
}
