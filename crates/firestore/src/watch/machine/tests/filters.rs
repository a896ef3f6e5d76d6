//! Existence filters: the server counts.

use super::*;

#[test]
fn a_filter_that_agrees_is_nothing() {
    let mut machine = settled(&[("a", 10), ("b", 11)]);
    assert_eq!(feed(&mut machine, filter(2)), Step::Gather);
    for message in [set("c", 101), set("a", 102), deleted("b", 103), deleted("x", 104)] {
        feed(&mut machine, message);
    }
    assert_eq!(feed(&mut machine, filter(2)), Step::Gather);
    assert_eq!(told(&snapshot(&mut machine, 110)), ["+a@102", "-b", "+c@101"]);
}

#[test]
fn a_filter_that_disagrees_starts_over_and_ends_in_differences() {
    let mut machine = settled(&[("a", 10), ("b", 11)]);
    feed(&mut machine, set("c", 101));
    assert_eq!(feed(&mut machine, filter(2)), Step::Mismatch);
    assert_eq!(machine.open(), None, "without the token");
    feed(&mut machine, set("b", 11));
    feed(&mut machine, set("c", 101));
    assert_eq!(told(&state(&mut machine, 110)), ["-a", "+c@101"]);
}

#[test]
fn a_filter_within_a_resent_state_counts_what_was_resent() {
    let mut machine = settled(&[("a", 10), ("b", 11), ("c", 12)]);
    for message in [reset(), set("a", 10), set("d", 101), deleted("b", 102)] {
        feed(&mut machine, message);
    }
    assert_eq!(feed(&mut machine, filter(2)), Step::Gather);
    assert_eq!(feed(&mut machine, filter(3)), Step::Mismatch);
}

#[test]
fn after_a_position_an_unchanged_count_is_believed() {
    let mut machine = resumed(mark(100, Some(5)));
    assert_eq!(feed(&mut machine, filter(5)), Step::Gather);
    assert!(told(&state(&mut machine, 110)).is_empty());
    assert_eq!(feed(&mut machine, filter(5)), Step::Gather);
}

#[test]
fn after_a_position_another_count_resets() {
    let mut machine = resumed(mark(100, Some(5)));
    assert_eq!(feed(&mut machine, filter(4)), Step::Mismatch);
    machine.open();
    feed(&mut machine, set("a", 9));
    let events = state(&mut machine, 110);
    assert_eq!(events[0], WatchEvent::Reset);
    assert_eq!(told(&events[1..]), ["+a@9"]);
}

#[test]
fn after_a_position_a_count_that_nobody_can_check_resets() {
    let mut uncounted = resumed(mark(100, None));
    assert_eq!(feed(&mut uncounted, filter(5)), Step::Mismatch);
    // `a` may be new or not: five may be right or wrong.
    let mut changed = resumed(mark(100, Some(5)));
    feed(&mut changed, set("a", 101));
    assert_eq!(feed(&mut changed, filter(5)), Step::Mismatch);
}

#[test]
fn a_negative_count_is_a_mismatch_and_no_panic() {
    assert_eq!(feed(&mut started(), filter(-1)), Step::Mismatch);
}
