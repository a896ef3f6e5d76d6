//! What the page shows of the server's activity, as JSON.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::activity::{Activity, News, Record};

/// Calls that a viewer has not seen. At most the newest [`MAX_CALLS`]; how many more there were is
/// said.
pub(super) fn calls(news: &News) -> Value {
    let skipped = news.entries.len().saturating_sub(MAX_CALLS);
    let lost = news.lost + skipped as u64;
    let entries: Vec<_> = news.entries.iter().skip(skipped).map(|entry| &**entry).collect();
    json!({ "entries": entries, "lost": lost })
}

/// Totals, open streams and open transactions.
pub(super) fn state(activity: &Activity) -> Value {
    let totals = activity.totals().into_iter();
    let totals: Vec<_> =
        totals.map(|(method, total)| json!({ "method": method, "total": total })).collect();
    let streams = activity.streams();
    let transactions = activity.transactions();
    let open = transactions.iter().take(MAX_LISTED).map(|txn| {
        json!({ "database": &*txn.database, "at": txn.at.to_string(), "readOnly": txn.is_read_only, "reads": txn.reads })
    });
    json!({
        "totals": totals,
        "streamCount": streams.len(),
        "streams": streams.iter().take(MAX_LISTED).map(stream).collect::<Vec<_>>(),
        "transactionCount": transactions.len(),
        "transactions": open.collect::<Vec<_>>(),
        "pages": activity.viewers(),
    })
}

fn stream(record: &Arc<Record>) -> Value {
    let targets = record.targets();
    json!({
        "id": record.id(),
        "method": record.method_name(),
        "at": record.began().map(|at| at.to_string()),
        "database": record.database(),
        "messages": record.messages(),
        "reads": record.billed().reads,
        "writes": record.billed().writes,
        "targetCount": targets.len(),
        "targets": targets.iter().take(MAX_TARGETS).collect::<Vec<_>>(),
    })
}

/// The most calls in one event.
const MAX_CALLS: usize = 200;
/// The most streams or transactions that are listed one by one.
const MAX_LISTED: usize = 100;
/// The most targets of a stream that are named.
const MAX_TARGETS: usize = 5;
