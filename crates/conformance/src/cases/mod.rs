//! The cases, by subject.

#![allow(clippy::unwrap_used, reason = "a case reports by panicking, as a test does")]

mod aggregates;
mod arrays;
mod combinations;
mod conflicts;
mod cursors;
mod filters;
mod groups;
mod indexes;
mod limits;
mod merges;
mod negations;
mod numbers;
mod order;
mod orders;
mod paths;
mod preconditions;
mod projections;
mod reads;
mod snapshots;
mod transactions;
mod transforms;
mod typed;

mod values;
mod versions;
mod watch;
mod watch_resume;
mod writes;

use crate::Case;

/// Every case of the suite, by subject.
pub fn cases() -> Vec<Case> {
    let subjects = [
        values::cases(),
        order::cases(),
        paths::cases(),
        reads::cases(),
        writes::cases(),
        merges::cases(),
        versions::cases(),
        numbers::cases(),
        arrays::cases(),
        transforms::cases(),
        preconditions::cases(),
        filters::cases(),
        negations::cases(),
        combinations::cases(),
        orders::cases(),
        cursors::cases(),
        groups::cases(),
        projections::cases(),
        aggregates::cases(),
        limits::cases(),
        indexes::cases(),
        transactions::cases(),
        conflicts::cases(),
        snapshots::cases(),
        watch::cases(),
        watch_resume::cases(),
        typed::cases(),
    ];
    subjects.into_iter().flatten().collect()
}
