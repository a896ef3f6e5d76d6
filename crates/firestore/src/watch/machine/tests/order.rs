//! Messages that come twice, late or undone.

use super::*;

#[test]
fn the_newest_of_several_versions_counts_whatever_their_order() {
    let mut machine = settled(&[("a", 10)]);
    for version in [103, 101, 103, 102] {
        feed(&mut machine, set("a", version));
    }
    let events = snapshot(&mut machine, 110);
    assert_eq!(told(&events), ["+a@103"]);
    assert_eq!(billed(&events), 1);
}

#[test]
fn a_version_older_than_told_is_not_told() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, set("a", 9));
    assert_eq!(snapshot(&mut machine, 110), checkpoint(110, 1));
}

#[test]
fn a_deletion_older_than_the_version_known_is_late() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, deleted("a", 9));
    assert_eq!(snapshot(&mut machine, 110), checkpoint(110, 1));
    feed(&mut machine, set("a", 112));
    feed(&mut machine, deleted("a", 111));
    assert_eq!(told(&snapshot(&mut machine, 120)), ["+a@112"]);
}

#[test]
fn a_version_from_before_its_deletion_is_late() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, deleted("a", 105));
    feed(&mut machine, set("a", 104));
    assert_eq!(told(&snapshot(&mut machine, 110)), ["-a"]);
}

#[test]
fn a_document_deleted_and_made_again_is_a_new_version() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, deleted("a", 105));
    feed(&mut machine, set("a", 106));
    assert_eq!(told(&snapshot(&mut machine, 110)), ["+a@106"]);
}

#[test]
fn a_document_pushed_out_of_a_limit_and_back_in_is_no_change() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, removed("a", 105));
    feed(&mut machine, set("a", 10));
    assert_eq!(snapshot(&mut machine, 110), checkpoint(110, 1));
}

#[test]
fn a_document_that_left_and_came_back_snapshots_later_is_told_again() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, removed("a", 105));
    assert_eq!(told(&snapshot(&mut machine, 105)), ["-a"]);
    feed(&mut machine, set("a", 10));
    assert_eq!(told(&snapshot(&mut machine, 106)), ["+a@10"]);
}

#[test]
fn a_removal_told_twice_is_one() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, removed("a", 105));
    feed(&mut machine, removed("a", 105));
    assert_eq!(told(&snapshot(&mut machine, 105)), ["-a"]);
    feed(&mut machine, deleted("a", 106));
    assert_eq!(snapshot(&mut machine, 106), checkpoint(106, 0));
}

#[test]
fn a_document_both_entered_and_removed_in_one_message_is_in() {
    let mut machine = settled(&[]);
    feed(&mut machine, document_change(message("a", 101), &[TARGET_ID], &[TARGET_ID]));
    assert_eq!(told(&snapshot(&mut machine, 105)), ["+a@101"]);
}
