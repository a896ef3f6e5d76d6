//! Short names for requests, so that a test reads as the steps it takes.
#![allow(dead_code, reason = "each test file uses some of these")]

use std::fmt::Debug;
use std::future::Future;

use firekeep_core::{
    BatchGet, Commit, Committed, Concurrency, Cx, DocPath, Document, ErrorKind, Fields, Query,
    QueryEvent, QueryRequest, ReadAt, Result, Store, Timestamp, TxnId, TxnOptions, WatchEvent,
    WatchFrom, WatchRequest, WatchTarget, Write,
};
use firekeep_memory::MemoryStore;
use futures::executor::block_on;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

pub(crate) fn path(path: &str) -> DocPath {
    DocPath::new(path).unwrap()
}

pub(crate) fn set(at: &str, fields: Fields) -> Write {
    Write::replace(path(at), fields).unwrap()
}

pub(crate) fn merge(at: &str, fields: Fields) -> Write {
    Write::merge(path(at), fields).unwrap()
}

pub(crate) fn delete(at: &str) -> Write {
    Write::delete(path(at))
}

pub(crate) fn commit(
    store: &MemoryStore,
    writes: impl IntoIterator<Item = Write>,
) -> Result<Committed> {
    block_on(store.commit(&Cx::new(), Commit::new(writes.into_iter().collect())?))
}

pub(crate) fn commit_in(
    store: &MemoryStore,
    txn: &TxnId,
    writes: impl IntoIterator<Item = Write>,
) -> Result<Committed> {
    now(store.commit(&Cx::new(), in_txn(txn, writes)))
}

pub(crate) fn in_txn(txn: &TxnId, writes: impl IntoIterator<Item = Write>) -> Commit {
    Commit::new(writes.into_iter().collect()).unwrap().in_txn(txn.clone())
}

pub(crate) fn write(store: &MemoryStore, write: Write) -> Timestamp {
    commit(store, [write]).unwrap().commit_time
}

pub(crate) fn get(store: &MemoryStore, at: &str) -> Option<Document> {
    get_at(store, at, ReadAt::Latest).unwrap()
}

pub(crate) fn get_at(store: &MemoryStore, path_: &str, at: ReadAt) -> Result<Option<Document>> {
    let request = BatchGet { paths: vec![path(path_)], mask: None, at };
    Ok(now(store.batch_get(&Cx::new(), request))?.lookups.remove(0).document)
}

pub(crate) fn rows(store: &MemoryStore, query: &Query, at: ReadAt) -> Result<Vec<Document>> {
    let request = QueryRequest { query: query.clone(), at };
    let events = block_on(store.query(&Cx::new(), request).collect::<Vec<_>>());
    let rows = events.into_iter().filter_map(|event| match event {
        Ok(QueryEvent::Row(row)) => Some(Ok(row)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    rows.collect()
}

pub(crate) fn ids(store: &MemoryStore, query: &Query, at: ReadAt) -> Vec<String> {
    rows(store, query, at).unwrap().iter().map(|row| row.id().to_owned()).collect()
}

pub(crate) fn begin(store: &MemoryStore, options: TxnOptions) -> TxnId {
    now(store.begin(&Cx::new(), options)).unwrap()
}

pub(crate) fn begin_as(store: &MemoryStore, concurrency: Concurrency) -> TxnId {
    let concurrency = Some(concurrency);
    begin(store, TxnOptions::ReadWrite { retry: None, concurrency })
}

pub(crate) fn watch_query(
    store: &MemoryStore,
    query: &Query,
    from: WatchFrom,
) -> BoxStream<'static, Result<WatchEvent>> {
    let target = WatchTarget::Query(Box::new(query.clone()));
    store.watch(&Cx::new(), WatchRequest { target, from })
}

/// What an operation answers that must not wait.
pub(crate) fn now<T>(operation: impl Future<Output = T>) -> T {
    operation.now_or_never().expect("the operation waits")
}

pub(crate) fn kind<T: Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}
