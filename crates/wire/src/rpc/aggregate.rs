//! Aggregations over queries.

use firekeep_core::{Error, Result};
use futures::{FutureExt, StreamExt};

use super::explain::{self, Cost};
use crate::grpc::Answers;
use crate::proto::{
    AggregationResult, RunAggregationQueryRequest, RunAggregationQueryResponse, run_aggregation,
    run_query,
};
use crate::service::Call;
use crate::status::worded;
use crate::{decode, encode};

/// `RunAggregationQuery`: one answer.
pub(crate) fn run_aggregation(
    call: &Call,
    request: RunAggregationQueryRequest,
) -> Answers<RunAggregationQueryResponse> {
    let call = call.clone();
    async move { answer(&call, request).await }.into_stream().boxed()
}

async fn answer(
    call: &Call,
    request: RunAggregationQueryRequest,
) -> Result<RunAggregationQueryResponse> {
    let (database, hosted) = call.database(&request.parent)?;
    let structured = request
        .structured_aggregation_query
        .ok_or_else(|| Error::invalid("a request has no aggregation"))?;
    let asked = decode::aggregate(&database, &request.parent, structured)?;
    let asked = asked.at(decode::query_at(request.consistency.map(consistency))?);
    let query = asked.query().clone();
    if request.explain_options.is_some_and(|options| !options.analyze) {
        let explain_metrics = Some(explain::metrics(&query, None));
        return Ok(RunAggregationQueryResponse { explain_metrics, ..Default::default() });
    }
    let began = call.now();
    let aggregates = hosted.store().aggregate(&call.cx, asked).await;
    let aggregates = aggregates.map_err(|error| worded(error, &database))?;
    let cost = Cost {
        results: 1,
        billed_reads: aggregates.billed_reads,
        billed_entries: aggregates.billed_reads,
        took: call.now().saturating_duration_since(began),
    };
    let fields = aggregates.values.iter();
    let fields = fields.map(|(name, value)| (name.clone(), encode::value(&database, value)));
    Ok(RunAggregationQueryResponse {
        result: Some(AggregationResult { aggregate_fields: fields.collect() }),
        transaction: aggregates.txn.map(|txn| txn.as_bytes().clone()).unwrap_or_default(),
        read_time: Some(encode::timestamp(aggregates.read_time)),
        explain_metrics: request.explain_options.map(|_| explain::metrics(&query, Some(cost))),
    })
}

/// The two messages say the same under different numbers.
fn consistency(of: run_aggregation::Consistency) -> run_query::Consistency {
    use run_aggregation::Consistency::{NewTransaction, ReadTime, Transaction};
    match of {
        Transaction(token) => run_query::Consistency::Transaction(token),
        NewTransaction(options) => run_query::Consistency::NewTransaction(options),
        ReadTime(time) => run_query::Consistency::ReadTime(time),
    }
}
