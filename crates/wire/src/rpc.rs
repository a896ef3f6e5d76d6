//! The methods of the service. Each takes a request apart, asks the store, and puts the answer
//! together.

mod batch_get;
mod commit;
mod document;
mod query;
mod transaction;
mod write_stream;

pub(crate) use batch_get::batch_get;
pub(crate) use commit::commit;
pub(crate) use document::get_document;
pub(crate) use query::{run_aggregation, run_query};
pub(crate) use transaction::{begin, rollback};
pub(crate) use write_stream::write_stream;
