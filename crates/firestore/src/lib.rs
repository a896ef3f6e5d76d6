#![doc = include_str!("../README.md")]

mod aggregate;
mod auth;
mod batch_get;
mod builder;
mod channel;
mod commit;
mod conv;
mod credentials;
mod database;
mod error;
mod pool;
mod proto;
mod query;
mod reply;
mod store;
mod txn;
mod watch;
mod wire;

pub use auth::{Credentials, Token};
pub use builder::FirestoreBuilder;
pub use store::FirestoreStore;
