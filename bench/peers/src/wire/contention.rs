//! Several clients that increment one document in transactions.

use std::time::{Duration, Instant};

use googleapis_tonic_google_firestore_v1::google::firestore::v1::{
    BeginTransactionRequest, CommitRequest, GetDocumentRequest, RollbackRequest,
    get_document_request::ConsistencySelector,
};
use tonic::{Code, Status};

use super::calls::{Calls, number, number_in};
use super::{Side, Wire};
use crate::report::{Bar, Row};

/// How far the clients of one server came.
struct Outcome {
    incremented: usize,
    stored: i64,
    took: Duration,
}

/// Ours must finish; how far the official one comes in the same time is told beside it.
pub fn run(wire: &Wire) -> anyhow::Result<Vec<Row>> {
    let of = |side: &Side| wire.runtime.block_on(contend(side));
    let (ours, official) = (of(&wire.ours)?, of(&wire.official)?);
    for outcome in [&ours, &official] {
        // A commit whose answer the end of the patience cut off may be stored all the same.
        let stored = outcome.stored as usize;
        let complete = outcome.incremented == ALL;
        let kept = stored >= outcome.incremented && (!complete || stored == ALL);
        anyhow::ensure!(kept, "{stored} increments are stored of {}", outcome.incremented);
    }
    Ok(vec![Row {
        group: "wire",
        case: format!("{CLIENTS} clients increment one document"),
        figure: "part done",
        ratio: ours.incremented as f64 / ALL as f64,
        bar: Bar::AtLeast(1.0),
        context: format!(
            "{} in {:.1} s and {} in {:.1} s of {ALL}",
            ours.incremented,
            ours.took.as_secs_f64(),
            official.incremented,
            official.took.as_secs_f64()
        ),
    }])
}

async fn contend(side: &Side) -> anyhow::Result<Outcome> {
    let calls = &side.calls;
    let document = calls.document("contended/one");
    calls.set(document.clone(), number(0)).await?;
    let start = Instant::now();
    let done = std::cell::Cell::new(0);
    let clients = (0..CLIENTS).map(|client| {
        let (document, done) = (&document, &done);
        async move {
            let mut jitter = fastrand::Rng::with_seed(client as u64);
            for _ in 0..EACH {
                while !increment(calls, document).await? {
                    let pause = Duration::from_millis(jitter.u64(0..BACKOFF));
                    tokio::time::sleep(pause).await;
                }
                done.set(done.get() + 1);
            }
            anyhow::Ok(())
        }
    });
    let all = futures::future::try_join_all(clients);
    let within = tokio::time::timeout(PATIENCE, all).await;
    let took = start.elapsed();
    if let Ok(finished) = within {
        finished?;
    }
    // Abandoned transactions hold locks for a while; a plain read does not wait for them.
    let request = GetDocumentRequest { name: document, ..Default::default() };
    let found = calls.client.clone().get_document(request).await?.into_inner();
    let stored = number_in(&found.fields).unwrap_or_default();
    Ok(Outcome { incremented: done.get(), stored, took })
}

/// One attempt; whether it was committed.
async fn increment(calls: &Calls, document: &str) -> anyhow::Result<bool> {
    let mut client = calls.client.clone();
    let begin = BeginTransactionRequest { database: calls.database.clone(), options: None };
    let transaction = client.begin_transaction(begin).await?.into_inner().transaction;
    let get = GetDocumentRequest {
        name: document.to_owned(),
        consistency_selector: Some(ConsistencySelector::Transaction(transaction.clone())),
        ..Default::default()
    };
    let found = match client.get_document(get).await {
        Ok(found) => found.into_inner(),
        Err(status) => return contended(calls, transaction, status).await,
    };
    let next = number_in(&found.fields).unwrap_or_default() + 1;
    let commit = CommitRequest {
        database: calls.database.clone(),
        writes: vec![calls.write(document.to_owned(), number(next))],
        transaction: transaction.clone(),
    };
    match client.commit(commit).await {
        Ok(_) => Ok(true),
        Err(status) => contended(calls, transaction, status).await,
    }
}

/// What a client does about a refusal: let go of what it holds, and come back.
async fn contended(
    calls: &Calls,
    transaction: bytes::Bytes,
    status: Status,
) -> anyhow::Result<bool> {
    if status.code() != Code::Aborted {
        return Err(status.into());
    }
    let rollback = RollbackRequest { database: calls.database.clone(), transaction };
    // The server may have ended it already.
    let _ = calls.client.clone().rollback(rollback).await;
    Ok(false)
}

const CLIENTS: usize = 8;
const EACH: usize = 10;
const ALL: usize = CLIENTS * EACH;
/// The longest pause before another attempt, in milliseconds.
const BACKOFF: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(30);
