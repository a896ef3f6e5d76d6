//! The index file that this repository deploys.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use firekeep_core::{Query, field};
use firekeep_memory::index_file::IndexFile;

fn infra() -> (String, IndexFile) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/firestore.indexes.json");
    let text = std::fs::read_to_string(path).expect("the file is in the repository");
    let file = IndexFile::parse(&text).expect("the file is well-formed");
    (text, file)
}

#[test]
fn it_is_written_as_the_cli_writes_it() {
    let (text, file) = infra();
    assert_eq!(file.to_json(), text);
}

#[test]
fn it_serves_the_newest_readings_of_a_tenant_and_lets_them_expire() {
    let (_, file) = infra();
    let query = Query::group("readings").filter(field("tenant").eq("t")).descending("at");
    file.check(&query.build().unwrap()).unwrap();
    assert_eq!(file.ttl_field("readings").unwrap().to_string(), "expires_at");
}
