//! From one stream to the next, and from one process to the next.

use super::*;

#[test]
fn a_new_stream_resumes_at_the_last_snapshot() {
    let mut machine = settled(&[("a", 10)]);
    for message in [set("a", 101), deleted("a", 102), current(103)] {
        feed(&mut machine, message);
    }
    assert_eq!(machine.open(), Some(&mark(100, Some(1))), "t103 covers what was not told");
    feed(&mut machine, set("b", 104));
    assert!(snapshot(&mut machine, 105).is_empty(), "CURRENT is of the old stream");
    assert_eq!(told(&state(&mut machine, 105)), ["+b@104"]);
}

#[test]
fn without_any_snapshot_a_new_stream_starts_from_scratch() {
    let mut machine = started();
    for message in [set("a", 10), set("b", 11), current(20)] {
        feed(&mut machine, message);
    }
    assert_eq!(machine.open(), None);
    feed(&mut machine, set("a", 10));
    assert_eq!(told(&state(&mut machine, 30)), ["+a@10"]);
}

#[test]
fn tokens_for_all_and_for_our_target_are_kept_until_a_snapshot_covers_them() {
    for targets in [vec![], vec![TARGET_ID]] {
        let mut machine = settled(&[]);
        let heartbeat = TargetChange {
            resume_token: token(120),
            ..target_change(TargetChangeType::NoChange, &targets)
        };
        assert_eq!(feed(&mut machine, changed(heartbeat)), Step::Gather);
        assert_eq!(machine.mark, Some(mark(100, Some(0))));
        let plain = TargetChange {
            read_time: Some(at(130)),
            ..target_change(TargetChangeType::NoChange, &[])
        };
        feed(&mut machine, changed(plain));
        let events: Vec<_> = machine.flush().collect();
        let covered = Mark { token: token(120), ..mark(130, Some(0)) };
        assert_eq!(*position(&events[0]), covered.position(TARGET));
    }
}

#[test]
fn a_token_for_another_target_is_not_kept() {
    let mut machine = started();
    let other =
        TargetChange { resume_token: token(9), ..target_change(TargetChangeType::NoChange, &[7]) };
    feed(&mut machine, changed(other));
    assert!(!machine.has_token());
}

#[test]
fn heartbeats_move_the_position_on() {
    let mut machine = settled(&[("a", 10)]);
    assert_eq!(snapshot(&mut machine, 110), checkpoint(110, 1));
    assert_eq!(snapshot(&mut machine, 120), checkpoint(120, 1));
    assert_eq!(machine.open(), Some(&mark(120, Some(1))));
}

#[test]
fn a_snapshot_without_any_token_resumes_by_its_time() {
    let mut machine = started();
    let bare =
        TargetChange { read_time: Some(at(50)), ..target_change(TargetChangeType::NoChange, &[]) };
    feed(&mut machine, changed(target_change(TargetChangeType::Current, &[TARGET_ID])));
    feed(&mut machine, changed(bare));
    let expected = Mark { token: Bytes::new(), ..mark(50, Some(0)) };
    assert_eq!(machine.open(), Some(&expected));
}

#[test]
fn from_a_position_only_what_changed_since_is_told() {
    let mut machine = resumed(mark(100, Some(5)));
    assert!(!machine.had_snapshot());
    assert_eq!(machine.open(), Some(&mark(100, Some(5))));
    for message in [add(), set("a", 101), deleted("b", 102), removed("c", 103)] {
        feed(&mut machine, message);
    }
    let events = state(&mut machine, 110);
    assert_eq!(told(&events), ["+a@101", "-b", "-c"]);
    assert_eq!(billed(&events), 2);
    assert_eq!(*position(&events[0]), mark(110, None).position(TARGET));
    assert!(machine.had_snapshot());
}

#[test]
fn from_a_position_with_nothing_new_one_empty_batch_says_so() {
    let mut machine = resumed(mark(100, Some(5)));
    assert!(told(&state(&mut machine, 110)).is_empty());
    assert_eq!(snapshot(&mut machine, 120), checkpoint(120, 5));
}

#[test]
fn a_reset_after_a_position_voids_what_the_receiver_has() {
    let mut machine = resumed(mark(100, Some(5)));
    feed(&mut machine, set("a", 101));
    assert_eq!(told(&state(&mut machine, 105)), ["+a@101"]);
    for message in [reset(), set("a", 101), set("z", 9)] {
        feed(&mut machine, message);
    }
    let events = state(&mut machine, 110);
    assert_eq!(events[0], WatchEvent::Reset);
    assert_eq!(told(&events[1..]), ["+a@101", "+z@9"], "the whole, told before or not");
    for message in [reset(), set("a", 101)] {
        feed(&mut machine, message);
    }
    assert_eq!(told(&state(&mut machine, 120)), ["-z"], "from now on differences will do");
}

#[test]
fn a_reset_owed_survives_a_broken_stream() {
    let mut machine = resumed(mark(100, Some(5)));
    feed(&mut machine, reset());
    feed(&mut machine, set("a", 101));
    assert_eq!(machine.open(), None);
    let events = state(&mut machine, 110);
    assert_eq!(events[0], WatchEvent::Reset);
    assert!(told(&events[1..]).is_empty());
}

#[test]
fn a_resumed_watch_that_must_start_over_resets() {
    let mut machine = resumed(mark(100, Some(0)));
    state(&mut machine, 105);
    machine.forget_mark();
    machine.open();
    feed(&mut machine, set("a", 9));
    let events = state(&mut machine, 110);
    assert_eq!(events[0], WatchEvent::Reset);
    assert_eq!(told(&events[1..]), ["+a@9"]);
}

#[test]
fn a_position_holds_times_back_too() {
    let mut machine = resumed(mark(100, Some(0)));
    assert!(state(&mut machine, 99).is_empty());
    assert_eq!(told(&state(&mut machine, 100)), Vec::<String>::new());
}
