//! Counts, sums and averages.

use std::collections::BTreeMap;

use firekeep_core::query::MAX_AGGREGATIONS;
use firekeep_core::{
    AggregateRequest, Aggregates, Aggregation, Cx, FieldPath, Operation, Result, Timestamp, TxnId,
    Value,
};
use tonic_prost::ProstCodec;

use crate::channel::{Call, Connection, STREAMED};
use crate::conv::{query_to_proto, timestamp_from_proto, value_from_proto};
use crate::error::malformed;
use crate::proto::structured_aggregation_query::aggregation::{Avg, Count, Operator, Sum};
use crate::proto::structured_aggregation_query::{
    Aggregation as ProtoAggregation, QueryType as Over,
};
use crate::proto::structured_query::FieldReference;
use crate::proto::{
    RunAggregationQueryRequest, RunAggregationQueryResponse, StructuredAggregationQuery,
};
use crate::txn::{Consistency, asked};

/// Computes `request`'s aggregations.
///
/// The server does not say how many index entries it read. A count tells; where none was asked for,
/// one is added under a name that the request does not use. With five aggregations already there is no
/// room for it, and one billed read is assumed.
pub(crate) async fn aggregate(
    connection: &Connection,
    cx: &Cx,
    request: AggregateRequest,
) -> Result<Aggregates> {
    let at = request.read_at().clone();
    let hidden = hidden_name(&request);
    let (parent, query) = query_to_proto(connection.database(), request.query())?;
    let call = Call {
        asked: asked(Operation::Aggregate, &at),
        path: "/google.firestore.v1.Firestore/RunAggregationQuery",
        params: connection.database().routed_by_parent(&parent)?,
        limit: STREAMED,
    };
    let structured = StructuredAggregationQuery {
        aggregations: aggregations(&request, &hidden),
        query_type: Some(Over::StructuredQuery(query)),
    };
    let Consistency { transaction, new_transaction, read_time } = Consistency::of(at)?;
    let message = RunAggregationQueryRequest {
        parent,
        structured_aggregation_query: Some(structured),
        transaction,
        new_transaction,
        read_time,
    };
    let mut reply = connection.stream(cx, &call, ProstCodec::default(), message).await?;
    let mut answer = Answer::default();
    while let Some(message) = reply.message().await? {
        answer.add(connection, message).map_err(|e| e.in_operation(Operation::Aggregate))?;
    }
    answer.finish(&request, &hidden)
}

/// The name of the count that is there for the bill alone.
fn hidden_name(request: &AggregateRequest) -> String {
    let mut name = "entries".to_owned();
    while request.aggregations().iter().any(|(alias, _)| *alias == name) {
        name.push('_');
    }
    name
}

fn aggregations(request: &AggregateRequest, hidden: &str) -> Vec<ProtoAggregation> {
    let mut all: Vec<_> =
        request.aggregations().iter().map(|(alias, what)| aggregation(alias, what)).collect();
    if counted(request).is_none() && all.len() < MAX_AGGREGATIONS {
        all.push(aggregation(hidden, &Aggregation::Count { up_to: None }));
    }
    all
}

/// The name of a count that the request holds itself.
fn counted(request: &AggregateRequest) -> Option<&str> {
    let counts = request.aggregations().iter();
    let mut counts = counts.filter(|(_, what)| matches!(what, Aggregation::Count { .. }));
    counts.next().map(|(alias, _)| alias.as_str())
}

fn aggregation(alias: &str, what: &Aggregation) -> ProtoAggregation {
    let field = |path: &FieldPath| Some(FieldReference { field_path: path.to_string() });
    let operator = match what {
        Aggregation::Count { up_to } => Operator::Count(Count { up_to: up_to.map(i64::from) }),
        Aggregation::Sum(path) => Operator::Sum(Sum { field: field(path) }),
        Aggregation::Average(path) => Operator::Avg(Avg { field: field(path) }),
    };
    ProtoAggregation { alias: alias.to_owned(), operator: Some(operator) }
}

#[derive(Default)]
struct Answer {
    values: Option<BTreeMap<String, Value>>,
    read_time: Option<Timestamp>,
    txn: Option<TxnId>,
}

impl Answer {
    fn add(&mut self, connection: &Connection, message: RunAggregationQueryResponse) -> Result<()> {
        if !message.transaction.is_empty() {
            self.txn = Some(TxnId::new(message.transaction));
        }
        if let Some(time) = message.read_time {
            self.read_time = Some(timestamp_from_proto(time)?);
        }
        if let Some(result) = message.result {
            let values = result
                .aggregate_fields
                .into_iter()
                .map(|(name, value)| Ok((name, value_from_proto(connection.database(), value)?)))
                .collect::<Result<_>>()?;
            self.values = Some(values);
        }
        Ok(())
    }

    fn finish(self, request: &AggregateRequest, hidden: &str) -> Result<Aggregates> {
        let broken = |what| malformed(Operation::Aggregate, what);
        let mut values = self.values.ok_or_else(|| broken("holds no result"))?;
        let read_time = self.read_time.ok_or_else(|| broken("lacks its read time"))?;
        let hidden = values.remove(hidden);
        let count = counted(request).and_then(|name| values.get(name)).or(hidden.as_ref());
        let entries = count.and_then(Value::as_integer).and_then(|n| u64::try_from(n).ok());
        let billed_reads = entries.unwrap_or(0).div_ceil(1000).max(1);
        Ok(Aggregates { values, read_time, billed_reads, txn: self.txn })
    }
}
