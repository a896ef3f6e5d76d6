//! How soon listeners hear of a write, and how much they hear.

use std::time::Instant;

use anyhow::Context;
use futures::channel::mpsc;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::{
    ListenRequest, ListenResponse, Target,
    listen_request::TargetChange,
    listen_response::ResponseType,
    target::{QueryTarget, TargetType, query_target::QueryType},
    target_change::TargetChangeType,
};

use super::calls::{Calls, in_collection, number, number_in};
use super::{Side, Wire};
use crate::report::{Bar, Row};

/// A listened query. Its view is consistent after each [`snapshot`](Self::snapshot).
struct Listener {
    answers: tonic::Streaming<ListenResponse>,
    /// The stream of requests lives as long as this does.
    _requests: mpsc::UnboundedSender<ListenRequest>,
}

/// What a listener was sent up to a consistent view.
#[derive(Default)]
struct Snapshot {
    changes: usize,
    last: Option<i64>,
}

impl Listener {
    async fn open(calls: &Calls, collection: &str) -> anyhow::Result<Self> {
        let query = QueryTarget {
            parent: format!("{}/documents", calls.database),
            query_type: Some(QueryType::StructuredQuery(in_collection(collection))),
        };
        let target = Target {
            target_id: 1,
            target_type: Some(TargetType::Query(query)),
            ..Default::default()
        };
        let request = ListenRequest {
            database: calls.database.clone(),
            target_change: Some(TargetChange::AddTarget(target)),
            ..Default::default()
        };
        let (requests, stream) = mpsc::unbounded();
        requests.unbounded_send(request)?;
        let answers = calls.client.clone().listen(stream).await?.into_inner();
        Ok(Self { answers, _requests: requests })
    }

    /// Reads to the next consistent view.
    async fn snapshot(&mut self) -> anyhow::Result<Snapshot> {
        let mut seen = Snapshot::default();
        loop {
            let answer = self.answers.message().await?.context("the stream ended")?;
            match answer.response_type {
                Some(ResponseType::DocumentChange(change)) => {
                    seen.changes += 1;
                    let fields = change.document.as_ref().map(|document| &document.fields);
                    seen.last = seen.last.max(fields.and_then(number_in));
                }
                Some(ResponseType::TargetChange(change)) => {
                    let kind = change.target_change_type();
                    anyhow::ensure!(kind != TargetChangeType::Remove, "the target was removed");
                    let everything = change.target_ids.is_empty() && change.read_time.is_some();
                    if kind == TargetChangeType::NoChange && everything {
                        return Ok(seen);
                    }
                }
                _ => {}
            }
        }
    }

    /// Reads until a consistent view holds `value`; how many changes it was sent on the way.
    async fn until(&mut self, value: i64) -> anyhow::Result<usize> {
        let mut changes = 0;
        loop {
            let seen = self.snapshot().await?;
            changes += seen.changes;
            if seen.last >= Some(value) {
                return Ok(changes);
            }
        }
    }
}

pub fn run(wire: &Wire, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut rows = latency(wire, rounds)?;
    rows.push(large_collection(wire)?);
    Ok(rows)
}

/// From sending a commit to the consistent view that shows it, one write at a time.
fn latency(wire: &Wire, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (mut ours, mut official) = (Vec::new(), Vec::new());
    let mut next = 0;
    // One turn of each is the warm-up.
    for round in 0..=rounds {
        for (side, waits) in [(&wire.ours, &mut ours), (&wire.official, &mut official)] {
            let turn = wire.runtime.block_on(waits_of(side, next))?;
            if round > 0 {
                waits.extend(turn);
            }
        }
        next += WRITES;
    }
    let row = |figure, of: fn(&[f64]) -> f64| Row {
        group: "wire",
        case: "write to listener".into(),
        figure,
        ratio: of(&ours) / of(&official),
        bar: Bar::AtMost(1.0),
        context: format!("{:.0} and {:.0} µs", of(&ours) * 1e6, of(&official) * 1e6),
    };
    Ok(vec![
        row("times its median", |waits| quantile(waits, 0.5)),
        row("times its p99", |waits| quantile(waits, 0.99)),
    ])
}

async fn waits_of(side: &Side, first: i64) -> anyhow::Result<Vec<f64>> {
    let mut listener = Listener::open(&side.calls, "heard").await?;
    let document = side.calls.document("heard/one");
    let mut waits = Vec::new();
    listener.snapshot().await?;
    for n in first..first + WRITES {
        let start = Instant::now();
        let write = side.calls.set(document.clone(), number(n + 1));
        let (written, heard) = futures::join!(write, listener.until(n + 1));
        written?;
        heard?;
        waits.push(start.elapsed().as_secs_f64());
    }
    Ok(waits)
}

/// One write to a listened collection of many documents.
fn large_collection(wire: &Wire) -> anyhow::Result<Row> {
    let sent = |side: &Side| wire.runtime.block_on(changes_sent(&side.calls));
    let (ours, official) = (sent(&wire.ours)?, sent(&wire.official)?);
    Ok(Row {
        group: "wire",
        case: "a write to 10,000 listened".into(),
        figure: "changes sent",
        ratio: ours as f64,
        bar: Bar::AtMost(1.0),
        context: format!("{ours} and {official}"),
    })
}

async fn changes_sent(calls: &Calls) -> anyhow::Result<usize> {
    for batch in 0..LARGE / BATCH {
        let writes = (0..BATCH).map(|i| {
            let name = calls.document(&format!("large/{:05}", batch * BATCH + i));
            calls.write(name, number(0))
        });
        calls.commit(writes.collect()).await?;
    }
    let mut listener = Listener::open(calls, "large").await?;
    let mut first = listener.snapshot().await?.changes;
    while first < LARGE {
        first += listener.snapshot().await?.changes;
    }
    calls.set(calls.document("large/00007"), number(1)).await?;
    listener.until(1).await
}

/// The value below which a share of `values` lies.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

const WRITES: i64 = 400;
const LARGE: usize = 10_000;
const BATCH: usize = 500;
