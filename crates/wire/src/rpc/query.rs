//! Queries.

use firekeep_core::{
    Document, Error, ErrorKind, FieldPath, Query, QueryEvent, QueryRequest, ReadAt, Result,
    Timestamp, TxnId,
};
use futures::{StreamExt, TryFutureExt, TryStreamExt, stream};

use super::explain::{self, Cost};
use super::kindless::Kindless;
use crate::databases::Hosted;
use crate::decode::Nearest;
use crate::encode::SentDocument;
use crate::grpc::Answers;
use crate::name::DatabaseName;
use crate::proto::{ExplainMetrics, RunQueryRequest, RunQueryResponse, StructuredQuery};
use crate::service::Call;
use crate::status::worded;
use crate::{decode, encode};

/// `RunQuery`: an answer per row. The first one says how many rows the offset skipped, the last one
/// that it is; a query without rows has one answer, with its read time alone.
pub(crate) fn run_query(call: &Call, request: RunQueryRequest) -> Answers<RunQueryResponse> {
    let call = call.clone();
    async move { answer(&call, request).await }.try_flatten_stream().boxed()
}

async fn answer(call: &Call, request: RunQueryRequest) -> Result<Answers<RunQueryResponse>> {
    let (database, hosted) = call.database(&request.parent)?;
    let structured =
        request.structured_query.ok_or_else(|| Error::invalid("a request has no query"))?;
    let asked = Asked::new(&database, &request.parent, structured)?;
    let at = decode::query_at(request.consistency)?;
    if request.explain_options.is_some_and(|options| !options.analyze) {
        let metrics = Some(explain::metrics(&asked.query, None));
        let planned = RunQueryResponse { explain_metrics: metrics, ..RunQueryResponse::default() };
        return Ok(stream::iter([Ok(planned)]).boxed());
    }
    let began = call.now();
    let found = asked.run(call, &hosted, &database, &request.parent, at).await;
    let mut found = found.map_err(|error| worded(error, &database))?;
    let skipped = asked.skip(&mut found.rows);
    let rows = asked.finish(std::mem::take(&mut found.rows));
    let cost = Cost {
        results: rows.len(),
        billed_reads: found.billed_reads,
        billed_entries: 0,
        took: call.now().saturating_duration_since(began),
    };
    let metrics = request.explain_options.map(|_| explain::metrics(&asked.query, Some(cost)));
    let Found { began, read_time, .. } = found;
    let answer = Answer { database, began, rows, skipped, read_time, metrics };
    Ok(stream::iter(answer.messages()).map(Ok).boxed())
}

/// A query, and what is left to do with its rows.
struct Asked {
    /// What the store runs; of a query over every collection, an example.
    query: Query,
    kindless: Option<Kindless>,
    offset: u32,
    nearest: Option<Nearest>,
    /// What the rows hold, where the store had to hand out more.
    mask: Option<Vec<FieldPath>>,
}

impl Asked {
    fn new(database: &DatabaseName, parent: &str, mut structured: StructuredQuery) -> Result<Self> {
        let nearest = decode::nearest(database, &mut structured)?;
        let offset = decode::count("offset", structured.offset)?;
        // The rows to skip are counted here: a store does not tell how many it skipped.
        structured.offset = 0;
        if let (Some(limit), 1..) = (&mut structured.limit, offset) {
            *limit = decode::count("limit", *limit)
                .map(|limit| limit.saturating_add(offset).min(i32::MAX as u32) as i32)?;
        }
        let mask = match &nearest {
            Some(_) => decode::projection(structured.select.take())?,
            None => None,
        };
        let is_kindless = structured.from.iter().all(|from| from.collection_id.is_empty());
        let (kindless, query) = if is_kindless && structured.from.len() < 2 {
            let (kindless, example) = Kindless::new(database, parent, structured)?;
            (Some(kindless), example)
        } else {
            (None, decode::query(database, parent, structured)?)
        };
        Ok(Self { query, kindless, offset, nearest, mask })
    }

    async fn run(
        &self,
        call: &Call,
        hosted: &Hosted,
        database: &DatabaseName,
        parent: &str,
        at: ReadAt,
    ) -> Result<Found> {
        match &self.kindless {
            Some(kindless) => kindless.run(call, hosted, database, parent, at).await,
            None => run(call, hosted, QueryRequest { query: self.query.clone(), at }).await,
        }
    }

    /// Drops the rows that the offset skips; answers how many.
    fn skip(&self, rows: &mut Vec<Document>) -> usize {
        let skipped = rows.len().min(self.offset as usize);
        rows.drain(..skipped);
        skipped
    }

    fn finish(&self, rows: Vec<Document>) -> Vec<Document> {
        let rows = match &self.nearest {
            Some(nearest) => nearest.of(rows),
            None => rows,
        };
        match &self.mask {
            Some(mask) => rows.iter().map(|row| row.project(mask)).collect(),
            None => rows,
        }
    }
}

/// What a store found.
pub(super) struct Found {
    pub(super) began: Option<TxnId>,
    pub(super) rows: Vec<Document>,
    pub(super) read_time: Timestamp,
    pub(super) billed_reads: u64,
}

/// Runs a query to its end.
pub(super) async fn run(call: &Call, hosted: &Hosted, request: QueryRequest) -> Result<Found> {
    let mut events = hosted.store().query(&call.cx, request);
    let (mut began, mut rows) = (None, Vec::new());
    while let Some(event) = events.try_next().await? {
        match event {
            QueryEvent::Began(txn) => began = Some(txn),
            QueryEvent::Row(document) => rows.push(document),
            QueryEvent::Done { read_time, billed_reads } => {
                return Ok(Found { began, rows, read_time, billed_reads });
            }
        }
    }
    Err(Error::new(ErrorKind::Internal, "the query broke off"))
}

/// What is answered, before it is put into messages.
struct Answer {
    database: DatabaseName,
    began: Option<TxnId>,
    rows: Vec<Document>,
    skipped: usize,
    read_time: Timestamp,
    metrics: Option<ExplainMetrics>,
}

impl Answer {
    fn messages(self) -> impl Iterator<Item = RunQueryResponse> + Send + use<> {
        let Self { database, began, rows, skipped, read_time, metrics } = self;
        let began = began.map(|txn| RunQueryResponse {
            transaction: txn.as_bytes().clone(),
            ..RunQueryResponse::default()
        });
        let read_time = Some(encode::timestamp(read_time));
        let last = rows.len().saturating_sub(1);
        let mut metrics = Some(metrics);
        // One message without a row if there is none.
        let rows = rows.into_iter().map(Some).chain([None]).take(last + 1);
        let rows = rows.enumerate().map(move |(index, row)| RunQueryResponse {
            document: row.map(|row| SentDocument::new(&database, &row)),
            read_time,
            skipped_results: if index == 0 {
                i32::try_from(skipped).unwrap_or(i32::MAX)
            } else {
                0
            },
            done: (index == last).then_some(true),
            explain_metrics: if index == last { metrics.take().flatten() } else { None },
            ..RunQueryResponse::default()
        });
        began.into_iter().chain(rows)
    }
}
