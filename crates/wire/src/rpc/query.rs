//! Queries and aggregations.

use firekeep_core::{Error, ErrorKind, QueryEvent, QueryRequest, Result, TxnId};
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, stream};

use crate::grpc::Answers;
use crate::proto::{
    AggregationResult, RunAggregationQueryRequest, RunAggregationQueryResponse, RunQueryRequest,
    RunQueryResponse, run_aggregation,
};
use crate::service::Call;
use crate::{decode, encode};

/// `RunQuery`: an answer per row. The first one says how many rows the offset skipped; a query
/// without rows has one answer, with its read time alone.
pub(crate) fn run_query(call: &Call, request: RunQueryRequest) -> Answers<RunQueryResponse> {
    let call = call.clone();
    let answers = async move { run(&call, request).await.map(|all| stream::iter(all).map(Ok)) };
    answers.try_flatten_stream().boxed()
}

async fn run(call: &Call, request: RunQueryRequest) -> Result<Vec<RunQueryResponse>> {
    let (database, hosted) = call.database(&request.parent)?;
    let structured =
        request.structured_query.ok_or_else(|| Error::invalid("a request has no query"))?;
    let query = decode::query(&database, &request.parent, structured)?;
    let at = decode::query_at(request.consistency)?;
    let mut events = hosted.store().query(&call.cx, QueryRequest { query, at });
    let (mut began, mut rows) = (None, Vec::new());
    while let Some(event) = events.try_next().await? {
        match event {
            QueryEvent::Began(txn) => began = Some(txn),
            QueryEvent::Row(document) => rows.push(document),
            QueryEvent::Done { read_time, .. } => {
                let read_time = Some(encode::timestamp(read_time));
                let row = |document| RunQueryResponse {
                    document: Some(encode::document(&database, document)),
                    read_time,
                    ..RunQueryResponse::default()
                };
                let first = began.map(begun);
                let none = rows
                    .is_empty()
                    .then(|| RunQueryResponse { read_time, ..RunQueryResponse::default() });
                return Ok(first.into_iter().chain(rows.iter().map(row)).chain(none).collect());
            }
        }
    }
    Err(Error::new(ErrorKind::Internal, "the query broke off"))
}

fn begun(txn: TxnId) -> RunQueryResponse {
    RunQueryResponse { transaction: txn.as_bytes().clone(), ..RunQueryResponse::default() }
}

/// `RunAggregationQuery`: one answer.
pub(crate) fn run_aggregation(
    call: &Call,
    request: RunAggregationQueryRequest,
) -> Answers<RunAggregationQueryResponse> {
    let call = call.clone();
    async move { aggregate(&call, request).await }.into_stream().boxed()
}

async fn aggregate(
    call: &Call,
    request: RunAggregationQueryRequest,
) -> Result<RunAggregationQueryResponse> {
    let (database, hosted) = call.database(&request.parent)?;
    let structured = request
        .structured_aggregation_query
        .ok_or_else(|| Error::invalid("a request has no aggregation"))?;
    let query = decode::aggregate(&database, &request.parent, structured)?;
    let query = query.at(decode::query_at(request.consistency.map(consistency))?);
    let aggregates = hosted.store().aggregate(&call.cx, query).await?;
    let fields = aggregates.values.iter();
    Ok(RunAggregationQueryResponse {
        result: Some(AggregationResult {
            aggregate_fields: fields
                .map(|(name, value)| (name.clone(), encode::value(&database, value)))
                .collect(),
        }),
        transaction: aggregates.txn.map(|txn| txn.as_bytes().clone()).unwrap_or_default(),
        read_time: Some(encode::timestamp(aggregates.read_time)),
        explain_metrics: None,
    })
}

/// The two messages say the same under different numbers.
fn consistency(of: run_aggregation::Consistency) -> crate::proto::run_query::Consistency {
    use crate::proto::run_query::Consistency as Query;
    use run_aggregation::Consistency::{NewTransaction, ReadTime, Transaction};
    match of {
        Transaction(token) => Query::Transaction(token),
        NewTransaction(options) => Query::NewTransaction(options),
        ReadTime(time) => Query::ReadTime(time),
    }
}
