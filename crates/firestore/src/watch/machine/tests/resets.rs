//! States sent anew.

use super::*;

#[test]
fn a_reset_becomes_differences() {
    let mut machine = settled(&[("a", 10), ("b", 11), ("c", 12)]);
    for message in [reset(), set("a", 10), set("c", 101), set("d", 102)] {
        assert_eq!(feed(&mut machine, message), Step::Gather);
    }
    let events = state(&mut machine, 110);
    assert_eq!(told(&events), ["-b", "+c@101", "+d@102"]);
    assert_eq!(billed(&events), 2, "what vanished was not sent");
}

#[test]
fn a_reset_that_changes_nothing_is_a_checkpoint() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, reset());
    feed(&mut machine, set("a", 10));
    assert_eq!(state(&mut machine, 110), checkpoint(110, 1));
}

#[test]
fn a_storm_of_resets_is_told_once() {
    let mut machine = settled(&[("a", 10)]);
    for time in 101..=110 {
        for message in [reset(), set("a", 10), set("b", time), current(time), no_change(time)] {
            feed(&mut machine, message);
        }
    }
    let events: Vec<_> = machine.flush().collect();
    assert_eq!(told(&events), ["+b@110"]);
}

#[test]
fn a_reset_needs_current_again() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, reset());
    assert!(snapshot(&mut machine, 105).is_empty(), "half a state would remove `a`");
    feed(&mut machine, set("a", 10));
    assert_eq!(state(&mut machine, 110), checkpoint(110, 1));
}

#[test]
fn a_reset_drops_what_came_before_it() {
    let mut machine = settled(&[("a", 10)]);
    for message in [set("b", 101), deleted("a", 102), reset(), set("a", 10)] {
        feed(&mut machine, message);
    }
    assert_eq!(state(&mut machine, 110), checkpoint(110, 1));
}

#[test]
fn a_reset_forgets_the_token() {
    let mut machine = settled(&[("a", 10)]);
    assert!(machine.resumes());
    feed(&mut machine, reset());
    assert!(!machine.resumes());
    assert!(!machine.has_token());
    assert_eq!(machine.open(), None);
}

#[test]
fn a_reset_cut_short_still_ends_in_differences() {
    let mut machine = settled(&[("a", 10), ("b", 11)]);
    feed(&mut machine, reset());
    feed(&mut machine, set("a", 10));
    assert_eq!(machine.open(), None);
    feed(&mut machine, set("b", 101));
    assert_eq!(told(&state(&mut machine, 110)), ["-a", "+b@101"]);
}

#[test]
fn an_unchanged_document_is_not_even_decoded() {
    let mut machine = settled(&[("a", 10)]);
    let mut broken = message("a", 10);
    let value = proto::value::ValueType::FieldReferenceValue("f".into());
    broken.fields.insert("f".into(), Value { value_type: Some(value) });
    feed(&mut machine, reset());
    feed(&mut machine, document_change(broken, &[TARGET_ID], &[]));
    assert_eq!(state(&mut machine, 110), checkpoint(110, 1));
}

#[test]
fn deletions_within_a_resent_state_are_removals() {
    let mut machine = settled(&[("a", 10), ("b", 11)]);
    for message in [reset(), deleted("a", 101), set("b", 11)] {
        feed(&mut machine, message);
    }
    assert_eq!(told(&state(&mut machine, 110)), ["-a"]);
}
