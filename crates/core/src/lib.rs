#![doc = include_str!("../README.md")]

pub mod backoff;
pub mod capability;
pub mod catalog;
pub mod clock;
pub mod cx;
pub mod db;
pub mod document;
pub mod error;
pub mod field;
pub mod filter;
pub mod order;
pub mod path;
pub mod query;
pub mod store;
pub mod timestamp;
pub mod txn;
pub mod typed;
pub mod value;
pub mod watch;
pub mod write;

pub use async_trait::async_trait;
pub use backoff::Backoff;
pub use bytes::Bytes;
pub use capability::{Capabilities, Capability};
pub use catalog::Catalog;
pub use clock::{Clock, ManualClock, ShiftedClock, SystemClock};
pub use cx::Cx;
pub use db::Db;
pub use document::{Document, Version};
pub use error::{Effect, Error, ErrorKind, Result, Retry};
pub use field::FieldPath;
pub use filter::{Filter, Op, all, any, document_id, field};
pub use path::{CollectionId, CollectionPath, DocPath};
pub use query::{Aggregation, Cursor, Direction, Order, Query, QueryBuilder, Scope};
pub use store::{
    AggregateRequest, Aggregates, BatchGet, Concurrency, Lookup, Lookups, Operation, QueryEvent,
    QueryRequest, ReadAt, Store, StoreInfo, TxnId, TxnOptions,
};
pub use timestamp::Timestamp;
pub use txn::{TransactOptions, Txn};
pub use typed::{Collection, Stored, TypedBatch, TypedChange, TypedEvent, TypedQuery, Vector};
pub use value::{Fields, GeoPoint, Reference, Value};
pub use watch::{
    Batch, DocumentChange, Position, WatchEvent, WatchFrom, WatchRequest, WatchTarget,
};
pub use write::{Change, Commit, Committed, Require, Transform, TransformOp, Write, Written};
