//! Seeded simulations: clients with skewed clocks, pauses, crashes and every fault of a network,
//! on a store whose truth is known.
//!
//! Each seed is a world that runs the same way each time. `FIREKEEP_LOCK_SEEDS` says how many;
//! a seed that fails is printed, and `FIREKEEP_LOCK_SEED` runs it alone and tells what happens in it.
//! With `FIREKEEP_LOCK_FIRST=1` the first one that fails ends the run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a run says how eventful it was")]

mod book;
mod client;
mod clock;
mod counts;
mod documents;
mod link;
mod plan;
mod property;
mod recorder;
mod seeds;
mod world;

use crate::clock::SECOND;
use crate::plan::Plan;
use crate::property::Property;
use crate::seeds::run;

/// P1 to P9 in every world whose clocks run within the allowance.
#[test]
fn every_property_holds_in_every_world() {
    let summary = run(Plan::safe(), seeds::count());
    summary.demand(|_| true);
    summary.demand_exercise();
}

/// A clock that runs slower than allowed is the one thing that exclusion does not survive. Guarded
/// commits do.
#[test]
fn beyond_the_allowance_two_believe_and_guarded_commits_still_hold() {
    let plan = Plan { rate: SECOND / 20, is_slow: true, ..Plan::safe() };
    let summary = run(plan, 500);
    assert!(summary.count(Property::Belief) > 0, "{summary}");
    summary.demand(|property| !matches!(property, Property::Belief | Property::Lease));
}

/// The control: without the guard, a pause loses updates that the lock was taken for.
#[test]
fn without_fences_updates_are_lost() {
    let plan = Plan { is_unfenced: true, ..Plan::safe() };
    let summary = run(plan, 500);
    assert!(summary.counts.lost_updates > 0, "{summary}");
    summary.demand(|property| property != Property::Register);
}
