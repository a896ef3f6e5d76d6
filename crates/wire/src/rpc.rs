//! The methods of the service. Each takes a request apart, asks the store, and puts the answer
//! together.

mod aggregate;
mod batch_get;
mod collections;
mod commit;
mod document;
mod explain;
mod kindless;
mod list;
mod nearest;
mod page;
mod partition;
mod query;
mod snapshot;
mod transaction;
mod write_stream;

pub(crate) use aggregate::run_aggregation;
pub(crate) use batch_get::batch_get;
pub(crate) use collections::list_collection_ids;
pub(crate) use commit::{batch_write, commit};
pub(crate) use document::{create_document, delete_document, get_document, update_document};
pub(crate) use list::list_documents;
pub(crate) use partition::partition_query;
pub(crate) use query::run_query;
pub(crate) use transaction::{begin, rollback};
pub(crate) use write_stream::write_stream;
