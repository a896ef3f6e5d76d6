#![doc = include_str!("../README.md")]

mod activity;
mod connection;
mod databases;
mod decode;
mod encode;
mod faults;
mod grpc;
mod heard;
mod http;
mod index_link;
mod listen;
mod name;
mod page;
mod proto;
mod refusal;
mod rpc;
mod server;
mod service;
mod socket;
mod status;
mod threads;

pub use crate::http::Problem;
pub use databases::{Databases, Hosted, missing};
pub use faults::{Fault, FaultKind, FaultPlan, Faults, Method, ProjectFaults, Rate, Struck};
pub use name::DatabaseName;
pub use server::Server;
