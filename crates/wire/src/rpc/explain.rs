//! How a query is answered, and what that cost.

use std::collections::BTreeMap;
use std::time::Duration;

use firekeep_core::{Direction, Filter, Op, Query, Scope};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use crate::proto::{ExecutionStats, ExplainMetrics, PlanSummary};

/// What a query that ran cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) results: usize,
    pub(super) billed_reads: u64,
    /// How many of the reads were of index entries instead of documents.
    pub(super) billed_entries: u64,
    pub(super) took: Duration,
}

/// The metrics of `query`; with `cost`, if it ran.
pub(super) fn metrics(query: &Query, cost: Option<Cost>) -> ExplainMetrics {
    ExplainMetrics {
        plan_summary: Some(PlanSummary { indexes_used: indexes(query) }),
        execution_stats: cost.map(stats),
    }
}

/// The indexes that production would choose among those that this query requires: one per field
/// for equalities alone, which it merges, or else one over the equalities and the order.
fn indexes(query: &Query) -> Vec<Struct> {
    let conditions = query.filter().map(Filter::conditions).unwrap_or_default();
    let mut fixed: Vec<String> = Vec::new();
    for (field, op, _) in &conditions {
        let contains = matches!(op, Op::ArrayContains | Op::ArrayContainsAny);
        let mode = if contains { "CONTAINS" } else { "ASC" };
        let entry = format!("{field} {mode}");
        if !op.is_inequality() && !field.is_document_id() && !fixed.contains(&entry) {
            fixed.push(entry);
        }
    }
    let order: Vec<String> = query
        .order()
        .iter()
        .map(|key| {
            let direction = if key.direction == Direction::Descending { "DESC" } else { "ASC" };
            format!("{} {direction}", key.field)
        })
        .collect();
    let by_name_alone = order.len() == 1;
    if by_name_alone && fixed.len() > 1 {
        let one = |field| index(query, &[field, order[0].clone()]);
        return fixed.into_iter().map(one).collect();
    }
    fixed.sort();
    let sorted: Vec<_> = fixed.into_iter().filter(|entry| !order.contains(entry)).collect();
    vec![index(query, &[sorted, order].concat())]
}

fn index(query: &Query, fields: &[String]) -> Struct {
    let scope = match query.scope() {
        Scope::Collection(_) => "Collection",
        Scope::Group { under: None, .. } => "Collection Group",
        Scope::Group { under: Some(_), .. } => "Includes Ancestors",
    };
    object([("query_scope", text(scope)), ("properties", text(format!("({})", fields.join(", "))))])
}

fn stats(cost: Cost) -> ExecutionStats {
    let documents = cost.billed_reads - cost.billed_entries;
    let billing = object([
        ("documents_billable", number(documents)),
        ("index_entries_billable", number(cost.billed_entries)),
        // A query that finds nothing is billed as one read all the same.
        ("min_query_cost", number(u64::from(cost.results == 0 && cost.billed_reads == 1))),
    ]);
    let debug = object([
        ("index_entries_scanned", number(cost.billed_reads)),
        ("documents_scanned", number(documents)),
        ("billing_details", Value { kind: Some(Kind::StructValue(billing)) }),
    ]);
    ExecutionStats {
        results_returned: i64::try_from(cost.results).unwrap_or(i64::MAX),
        execution_duration: prost_types::Duration::try_from(cost.took).ok(),
        read_operations: i64::try_from(cost.billed_reads).unwrap_or(i64::MAX),
        debug_stats: Some(debug),
    }
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Struct {
    let fields = entries.map(|(name, value)| (name.to_owned(), value));
    Struct { fields: BTreeMap::from(fields) }
}

/// Production's numbers are text here.
fn number(number: u64) -> Value {
    text(number.to_string())
}

fn text(text: impl Into<String>) -> Value {
    Value { kind: Some(Kind::StringValue(text.into())) }
}
