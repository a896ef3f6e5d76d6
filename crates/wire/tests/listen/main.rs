//! `Listen` and `Write` on the generated client, over the memory store on a clock that tests move.

mod client;
mod ground;
mod targets;
mod writes;
