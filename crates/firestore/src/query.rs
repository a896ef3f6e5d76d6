//! Running queries.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use firekeep_core::{
    Cx, Document, Operation, Query, QueryEvent, QueryRequest, ReadAt, Result, Timestamp,
};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};

use crate::channel::{Call, Connection, STREAMED};
use crate::conv::query_to_proto;
use crate::error::malformed;
use crate::proto::RunQueryRequest;
use crate::reply::Reply;
use crate::txn::{Consistency, asked};
use crate::wire::{Direct, QueryPart};

/// Runs `request`'s query.
pub(crate) fn query(
    connection: &Connection,
    cx: &Cx,
    request: QueryRequest,
) -> BoxStream<'static, Result<QueryEvent>> {
    let turned = request.query.is_limit_to_last();
    let opening = open(connection.clone(), cx.clone(), request).boxed();
    let rows = Rows {
        state: State::Opening(opening),
        rows: 0,
        skipped: 0,
        read_time: None,
        waiting: None,
    };
    if turned { turn_round(rows).boxed() } else { rows.boxed() }
}

async fn open(
    connection: Connection,
    cx: Cx,
    request: QueryRequest,
) -> Result<Reply<Result<QueryPart>>> {
    let QueryRequest { query, at } = request;
    let (call, message) = message(&connection, &query, at)?;
    let codec = Direct::new(connection.database().clone());
    connection.stream(&cx, &call, codec, message).await
}

fn message(connection: &Connection, query: &Query, at: ReadAt) -> Result<(Call, RunQueryRequest)> {
    let (parent, structured) = query_to_proto(connection.database(), query)?;
    let call = Call {
        asked: asked(Operation::Query, &at),
        path: "/google.firestore.v1.Firestore/RunQuery",
        params: connection.database().routed_by_parent(&parent)?,
        limit: STREAMED,
    };
    let Consistency { transaction, new_transaction, read_time } = Consistency::of(at)?;
    let message = RunQueryRequest {
        parent,
        structured_query: Some(structured),
        transaction,
        new_transaction,
        read_time,
    };
    Ok((call, message))
}

/// A query under way. An error ends it; what came before stays true.
struct Rows {
    state: State,
    rows: u64,
    skipped: u64,
    read_time: Option<Timestamp>,
    /// The row that came in the same message as the transaction.
    waiting: Option<Document>,
}

enum State {
    Opening(BoxFuture<'static, Result<Reply<Result<QueryPart>>>>),
    Open(Box<Reply<Result<QueryPart>>>),
    Ended,
}

impl Rows {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<QueryEvent>>> {
        if let Some(row) = self.waiting.take() {
            return Poll::Ready(Some(Ok(QueryEvent::Row(row))));
        }
        loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Opening(opening) => {
                    self.state = State::Open(Box::new(ready!(opening.poll_unpin(cx))?));
                }
                State::Open(reply) => {
                    let Some(part) = ready!(reply.poll_message(cx))? else {
                        let done = self.done();
                        self.state = State::Ended;
                        return Poll::Ready(Some(done));
                    };
                    if let Some(event) = self.event(part?) {
                        return Poll::Ready(Some(Ok(event)));
                    }
                }
            }
        }
    }

    fn event(&mut self, part: QueryPart) -> Option<QueryEvent> {
        self.skipped += part.skipped;
        self.read_time = part.read_time.or(self.read_time);
        self.rows += u64::from(part.document.is_some());
        if let Some(txn) = part.txn {
            self.waiting = part.document;
            return Some(QueryEvent::Began(txn));
        }
        part.document.map(QueryEvent::Row)
    }

    fn done(&self) -> Result<QueryEvent> {
        let read_time =
            self.read_time.ok_or_else(|| malformed(Operation::Query, "lacks its read time"))?;
        Ok(QueryEvent::Done { read_time, billed_reads: (self.rows + self.skipped).max(1) })
    }
}

impl Stream for Rows {
    type Item = Result<QueryEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.poll_event(cx));
        if let Some(Err(error)) = event {
            self.state = State::Ended;
            return Poll::Ready(Some(Err(error.in_operation(Operation::Query))));
        }
        Poll::Ready(event)
    }
}

/// Gives the rows of a query that was sent turned round in the order that was asked for.
///
/// The last row comes first from the server, so all are kept until the end.
fn turn_round(rows: Rows) -> impl Stream<Item = Result<QueryEvent>> + Send {
    let collected = async move {
        let mut rows = rows;
        let mut events = Vec::new();
        let mut kept = Vec::new();
        while let Some(event) = rows.next().await {
            match event {
                Ok(QueryEvent::Row(row)) => kept.push(Ok(QueryEvent::Row(row))),
                Ok(QueryEvent::Began(id)) => events.push(Ok(QueryEvent::Began(id))),
                last => {
                    events.extend(kept.drain(..).rev());
                    events.push(last);
                }
            }
        }
        futures::stream::iter(events)
    };
    collected.flatten_stream()
}
