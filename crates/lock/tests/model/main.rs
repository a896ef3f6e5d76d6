//! Searches every state that the lock protocol (`docs/adr/0012-locks-are-two-documents.md`) can reach, and checks that
//! no rule of it is ever broken; then spoils the protocol in one place after another, and checks that the search finds
//! each. It is the protocol that is searched, not the code: that has its own tests beside this one.
//!
//! # What is modelled
//!
//! - The *store*: a lease and a counter for each key; a lease is absent, a tombstone, or held by an id with a stamp. A
//!   commit has a guard for each key and applies wholly or not at all.
//! - *Clients*, up to three, with one or two keys: acquire, take over, extend, release, write guarded data, give up,
//!   crash and start anew. A client that isn't scheduled is paused while all clocks go on; it may have looked at its
//!   clock just before ([`action::Action::Look`]) and write on the strength of that.
//! - The *network*: each commit arrives, or not, or twice, or after its sender stopped waiting and did something else;
//!   each reply is heard, at once or late, or lost. Up to two commits at a time are under way with nobody waiting.
//! - *Clocks*: the store's ticks; each client's counts down what it believes, and may run slow by the allowance or
//!   beyond it. A stamp is rounded down, and may be as old as the commit's sending.
//!
//! # What is left out
//!
//! - Shared holders, permits, elections, fair waiting: all are made of the same commits.
//! - Durations: a lease is two ticks, and the allowance a third. The 1 % and the millisecond are arithmetic, not
//!   protocol.
//! - How long a client waits and how often it tries: here it may do either at any time, any number of times.
//! - Extensions by another length than the lease began with.
//! - Requests that the store never applies for their own sake (quota, permission): they are lost requests.
//! - Where replies are not slow, going on at once stands for waiting first: waiting only shortens a belief.
//!
//! # How far it goes
//!
//! A state keeps no absolute time, version or fence ([`state`]), so the states are finite and a search that ends has
//! seen runs of every length. The counts, and what happened on the way, are printed by
//!
//! ```text
//! cargo test -p firekeep-lock --test model -- --nocapture
//! ```
//!
//! Built with `--release` it also searches the wide bounds: three clients with two late commits, and with two keys.

mod action;
mod canon;
mod client;
mod limits;
mod mutants;
mod property;
mod protocol;
mod search;
mod sound;
mod state;
mod store;
mod tally;
