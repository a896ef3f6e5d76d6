//! Playing a sequence on one store, and noting what it answers in words that fit any store.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use firekeep_core::{
    AggregateRequest, Aggregation, BatchGet, Commit, Committed, Cx, Document, Error, FieldPath,
    Query, QueryEvent, QueryRequest, ReadAt, Result, Store, Timestamp, TxnId, TxnOptions, Value,
    Version, Write,
};
use futures::TryStreamExt;

use super::command::{Command, Doc, End, Put, What};
use super::draw::Place;

/// One run of a sequence on one store.
pub(super) struct Player {
    store: Arc<dyn Store>,
    cx: Cx,
    place: Place,
    /// The versions of each document seen in answers to writes, latest last.
    seen: BTreeMap<Doc, Vec<Version>>,
    /// The times of the commits so far.
    commits: Vec<Timestamp>,
    /// The times told so far, by when they were first told.
    times: Vec<Timestamp>,
    /// The messages of the last command's refusals, which are not compared.
    messages: Vec<String>,
}

impl Player {
    pub(super) fn new(store: Arc<dyn Store>, place: Place) -> Self {
        let (seen, cx) = (BTreeMap::new(), Cx::new());
        let (commits, times, messages) = (Vec::new(), Vec::new(), Vec::new());
        Self { store, cx, place, seen, commits, times, messages }
    }

    /// The messages of the refusals in the last answer.
    pub(super) fn messages(&self) -> String {
        self.messages.join("; ")
    }

    /// What the store answers to `command`.
    pub(super) async fn play(&mut self, command: &Command) -> String {
        self.messages.clear();
        match command {
            Command::Commit(puts) => self.commit(puts, None).await,
            Command::Get { docs, mask } => self.get(docs, mask.clone(), ReadAt::Latest).await.0,
            Command::Query(query) => self.query(query, ReadAt::Latest).await,
            Command::Aggregate(query, aggregations) => self.aggregate(query, aggregations).await,
            Command::GetPast { back, docs } => match self.past(*back) {
                Some(at) => self.get(docs, None, at).await.0,
                None => String::new(),
            },
            Command::QueryPast { back, query } => match self.past(*back) {
                Some(at) => self.query(query, at).await,
                None => String::new(),
            },
            Command::Transact { reads, query, puts, end } => {
                self.transact(reads, query.as_deref(), puts, *end).await
            }
            Command::Interleave { first, second } => self.interleave(first, second).await,
            Command::Snapshot { docs, query, beside } => self.snapshot(docs, query, beside).await,
        }
    }

    fn past(&self, back: usize) -> Option<ReadAt> {
        let at = self.commits.len().checked_sub(back + 1)?;
        Some(ReadAt::Time(self.commits[at]))
    }

    async fn commit(&mut self, puts: &[Put], txn: Option<TxnId>) -> String {
        let writes: Result<Vec<_>> = puts.iter().map(|put| self.write(put)).collect();
        let request = writes.and_then(Commit::new).map(|commit| match txn {
            Some(txn) => commit.in_txn(txn),
            None => commit,
        });
        let outcome = match request {
            Ok(request) => self.store.commit(&self.cx, request).await,
            Err(error) => return format!("unsendable: {error}"),
        };
        match outcome {
            Ok(committed) => self.committed(puts, committed),
            Err(error) => self.refusal(&error),
        }
    }

    fn write(&self, put: &Put) -> Result<Write> {
        let path = self.place.docs[put.doc].clone();
        let seen = self.seen.get(&put.doc).map_or(&[] as &[_], Vec::as_slice);
        let require = put.guard.and_then(|guard| guard.require(seen));
        let write = match &put.what {
            What::Replace(fields) => Write::replace(path, fields.clone())?,
            What::Merge(fields) => Write::merge(path, fields.clone())?,
            What::MergeMasked(fields, mask) => {
                Write::merge_masked(path, fields.clone(), mask.clone())?
            }
            What::Delete => Write::delete(path),
            What::Verify => {
                let require = require.unwrap_or(firekeep_core::Require::Absent);
                return Ok(Write::verify(path, require));
            }
        };
        let write = put
            .transforms
            .iter()
            .try_fold(write, |write, (field, op)| write.with(field, op.clone()))?;
        Ok(match require {
            Some(require) => write.require(require),
            None => write,
        })
    }

    fn committed(&mut self, puts: &[Put], committed: Committed) -> String {
        let mut told = format!("committed {}", self.time(committed.commit_time));
        self.commits.push(committed.commit_time);
        for (put, written) in puts.iter().zip(&committed.writes) {
            if let Some(version) = written.version {
                let _ = write!(told, " {}@{}", put.doc, self.time(version.time()));
                let seen = self.seen.entry(put.doc).or_default();
                if seen.last() != Some(&version) {
                    seen.push(version);
                }
            }
            for result in &written.transform_results {
                let _ = write!(told, " ={}", plain(result));
            }
        }
        told
    }

    async fn get(
        &mut self,
        docs: &[Doc],
        mask: Option<Vec<FieldPath>>,
        at: ReadAt,
    ) -> (String, Option<TxnId>) {
        let paths = docs.iter().map(|doc| self.place.docs[*doc].clone()).collect();
        let answer = match self.store.batch_get(&self.cx, BatchGet { paths, mask, at }).await {
            Ok(answer) => answer,
            Err(error) => return (self.refusal(&error), None),
        };
        let mut told = String::from("found");
        for lookup in &answer.lookups {
            match &lookup.document {
                Some(document) => told.push_str(&self.document(document)),
                None => told.push_str(" nothing;"),
            }
        }
        (told, answer.txn)
    }

    async fn query(&mut self, query: &Query, at: ReadAt) -> String {
        let request = QueryRequest { query: query.clone(), at };
        let events: Result<Vec<_>> = self.store.query(&self.cx, request).try_collect().await;
        let events = match events {
            Ok(events) => events,
            Err(error) => return self.refusal(&error),
        };
        let mut told = String::from("rows");
        for event in &events {
            match event {
                QueryEvent::Began(_) => {}
                QueryEvent::Row(row) => told.push_str(&self.document(row)),
                // The emulator does not say how many rows an offset skipped.
                QueryEvent::Done { billed_reads, .. } if query.offset() == 0 => {
                    let _ = write!(told, " billed {billed_reads}");
                }
                QueryEvent::Done { .. } => {}
            }
        }
        told
    }

    async fn aggregate(&mut self, query: &Query, aggregations: &[(String, Aggregation)]) -> String {
        let answer = match AggregateRequest::new(query.clone(), aggregations.to_vec()) {
            Ok(request) => self.store.aggregate(&self.cx, request).await,
            Err(error) => return format!("unsendable: {error}"),
        };
        match answer {
            Ok(answer) => {
                let values = answer.values.iter().map(|(name, value)| (name, rounded(value)));
                format!("aggregates {:?}", values.collect::<Vec<_>>())
            }
            Err(error) => self.refusal(&error),
        }
    }

    async fn transact(
        &mut self,
        reads: &[Doc],
        query: Option<&Query>,
        puts: &[Put],
        end: End,
    ) -> String {
        let begin = ReadAt::Begin(TxnOptions::default());
        let (mut told, txn) = self.get(reads, None, begin).await;
        let Some(txn) = txn else { return told };
        if let Some(query) = query {
            told += &self.query(query, ReadAt::Txn(txn.clone())).await;
        }
        if end == End::Rollback {
            told += &self.rollback(txn.clone()).await;
        }
        told += &self.commit(puts, Some(txn.clone())).await;
        if end == End::CommitTwice {
            told += &self.commit(puts, Some(txn.clone())).await;
        }
        // A refused commit leaves the locks of some stores behind.
        told + &self.rollback(txn).await
    }

    async fn rollback(&mut self, txn: TxnId) -> String {
        match self.store.rollback(&self.cx, txn).await {
            Ok(()) => " rolled back ".to_owned(),
            Err(error) => self.refusal(&error),
        }
    }

    async fn interleave(&mut self, first: &(Doc, Vec<Put>), second: &(Doc, Vec<Put>)) -> String {
        let begin = || ReadAt::Begin(TxnOptions::default());
        let (mut told, one) = self.get(&[first.0], None, begin()).await;
        let (also, two) = self.get(&[second.0], None, begin()).await;
        told += &also;
        let (Some(one), Some(two)) = (one, two) else { return told };
        told += &self.commit(&first.1, Some(one.clone())).await;
        told += &self.rollback(one).await;
        told += &self.commit(&second.1, Some(two.clone())).await;
        told + &self.rollback(two).await
    }

    async fn snapshot(&mut self, docs: &[Doc], query: &Query, beside: &[Put]) -> String {
        let begin = ReadAt::Begin(TxnOptions::ReadOnly { at: None });
        let (mut told, txn) = self.get(docs, None, begin).await;
        let Some(txn) = txn else { return told };
        told += &self.commit(beside, None).await;
        told += &self.get(docs, None, ReadAt::Txn(txn.clone())).await.0;
        told += &self.query(query, ReadAt::Txn(txn.clone())).await;
        told + &self.rollback(txn).await
    }

    fn refusal(&mut self, error: &Error) -> String {
        self.messages.push(error.message().to_owned());
        format!(" refused: {} {:?} {:?}", error.kind(), error.retry(), error.effect())
    }

    fn document(&mut self, document: &Document) -> String {
        let (created, updated) = (self.time(document.created()), self.time(document.updated()));
        let fields: Vec<_> =
            document.fields().iter().map(|(name, value)| (name, plain(value))).collect();
        format!(" {} {created}..{updated} {fields:?};", document.path())
    }

    /// A time by when it was first told; the times themselves differ from store to store.
    fn time(&mut self, time: Timestamp) -> String {
        let known = self.times.iter().position(|known| *known == time);
        let index = known.unwrap_or_else(|| {
            self.times.push(time);
            self.times.len() - 1
        });
        format!("t{index}")
    }
}

/// A value in words; a stamp of the commit time is only told to be one.
fn plain(value: &Value) -> String {
    match value {
        Value::Timestamp(time) if time.as_micros() > 1_000_000_000_000 => "now".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Doubles add up in any order, so only the leading digits are compared.
fn rounded(value: &Value) -> String {
    match value {
        Value::Double(number) => format!("{number:.9e}"),
        other => format!("{other:?}"),
    }
}
