//! What can be seen.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;

use super::Rooms;

/// The databases that were used.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    databases: Vec<Database>,
}

#[derive(Debug, Serialize)]
struct Database {
    name: String,
    documents: usize,
    watches: usize,
    transactions: usize,
}

pub(super) async fn databases(State(rooms): State<Rooms>) -> Json<Seen> {
    let databases = rooms.databases.all().into_iter().map(|(name, store)| {
        let control = store.control();
        Database {
            name: name.as_str().to_owned(),
            documents: control.count_documents(),
            watches: control.open_watches(),
            transactions: control.open_transactions(),
        }
    });
    Json(Seen { databases: databases.collect() })
}

/// The indexes declared and needed so far, as the file that the Firebase CLI deploys.
pub(super) async fn indexes(State(rooms): State<Rooms>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], rooms.recording.to_json())
}
