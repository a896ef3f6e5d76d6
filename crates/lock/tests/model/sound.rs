//! The protocol as decided breaks no rule, in any state.

use super::protocol::Protocol;
use super::search::{Found, search};
use super::tally::Event;

/// Searches all states, prints their number, and fails with the shortest run that breaks a rule.
#[track_caller]
#[allow(clippy::print_stdout, reason = "the counts are what the search has to show")]
pub(crate) fn holds(name: &str, protocol: &Protocol, seen: &[Event]) -> Found {
    let found = search(protocol);
    let Found { states, steps, depth, tally, .. } = &found;
    println!("{name}: {states} states, {steps} steps, {depth} deep; {tally:?}");
    if let Some(broken) = &found.broken {
        panic!("{name}: {:?} is broken by {:#?}", broken.property, broken.run);
    }
    for event in seen {
        assert!(tally.of(*event) > 0, "{name}: never came by {event:?}");
    }
    found
}

const TROUBLE: [Event; 8] = [
    Event::Acquired,
    Event::TakenOver,
    Event::LostReply,
    Event::WonByReading,
    Event::ExtendedByReading,
    Event::Buried,
    Event::LateRefused,
    Event::LateTook,
];

#[test]
fn two_clients() {
    holds("two clients, two late commits", &Protocol::TWO_LATE, &TROUBLE);
}

#[test]
fn copies() {
    holds("two clients, copied commits", &Protocol::PAIR, &[Event::Duplicate]);
}

#[test]
fn slow_answers() {
    holds("slow answers", &Protocol::SLOW, &TROUBLE);
}

#[test]
fn counting_from_the_first_send() {
    holds("slow answers, counting from the first send", &Protocol::SLOW_FROM_SEND, &TROUBLE);
}

#[test]
fn rounded_and_early_stamps() {
    holds("rounded and early stamps", &Protocol::ROUNDED, &TROUBLE);
}

#[test]
fn guarded_data() {
    let writes = [Event::Written, Event::WriteRefused];
    holds("guarded data", &Protocol::WRITING, &writes);
}

#[test]
fn crashes() {
    holds("crashes", &Protocol::CRASHING, &[Event::Crash, Event::Buried, Event::LateRefused]);
}

#[test]
fn crashing_writers() {
    let seen = [Event::Crash, Event::Written, Event::WriteRefused];
    holds("crashing writers", &Protocol::CRASHING_WRITERS, &seen);
}

#[test]
fn three_clients() {
    let seen = [Event::TakenOver, Event::WonByReading, Event::ExtendedByReading];
    holds("three clients", &Protocol::THREE, &seen);
}

#[test]
fn two_keys_at_once() {
    holds("two clients want both keys", &Protocol::BOTH, &TROUBLE);
    holds("one wants both keys, one the first", &Protocol::BOTH_AND_ONE, &TROUBLE);
    let seen = [Event::TakenOver, Event::WonByReading];
    holds("one wants both keys, two want one each", &Protocol::BOTH_AND_EACH, &seen);
}

#[test]
fn a_release_that_keeps_its_own_retries_out() {
    holds("tombstones after retries", &Protocol::TIDY, &[Event::WonByReading, Event::LateRefused]);
}

/// Minutes without optimisation, half a minute with.
#[cfg(not(debug_assertions))]
mod wide {
    use super::super::protocol::Protocol;
    use super::{TROUBLE, holds};

    #[test]
    fn three_clients() {
        let wide = Protocol { wants: [[true, false]; 3], late: 2, ..Protocol::PAIR };
        holds("wide: three clients, two late commits", &wide, &TROUBLE);
    }

    #[test]
    fn three_clients_with_two_keys() {
        let wide = Protocol { late: 1, ..Protocol::BOTH_AND_EACH };
        holds("wide: one wants both keys, two want one each, a late commit", &wide, &[]);
    }

    #[test]
    fn slow_answers() {
        let wide = Protocol { late: 2, writes: true, ..Protocol::SLOW };
        holds("wide: slow answers, two late commits, guarded data", &wide, &TROUBLE);
    }
}
