#![doc = include_str!("../README.md")]

pub mod app;
pub mod serve;

mod budget;
mod devices;
mod extract;
mod feeds;
mod health;
mod jobs;
mod live;
mod locks;
mod metrics;
mod openapi;
mod page;
mod problem;
mod readings;
mod recently;
mod routes;
mod security;
mod view;
mod wire;

pub use app::{App, ServerOptions};
pub use serve::{ServeError, bind, serve};
