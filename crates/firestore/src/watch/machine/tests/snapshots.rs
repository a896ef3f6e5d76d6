//! What makes a batch.

use super::*;

#[test]
fn nothing_is_told_before_the_state_is_complete_and_consistent() {
    let mut machine = started();
    for message in [add(), set("a", 10), no_change(20), set("b", 11), current(30)] {
        assert_eq!(feed(&mut machine, message), Step::Gather);
        assert!(!machine.is_ready());
    }
    assert_eq!(feed(&mut machine, no_change(30)), Step::Snapshot);
    let events: Vec<_> = machine.flush().collect();
    assert_eq!(told(&events), ["+a@10", "+b@11"]);
    assert_eq!(billed(&events), 2);
    assert_eq!(*position(&events[0]), mark(30, Some(2)).position(TARGET));
    assert_eq!(machine.flush().count(), 0);
}

#[test]
fn an_empty_state_is_told_once() {
    let mut machine = started();
    let first = state(&mut machine, 5);
    assert!(told(&first).is_empty());
    assert_eq!(billed(&first), 0);
    assert_eq!(snapshot(&mut machine, 6), checkpoint(6, 0));
}

#[test]
fn a_snapshot_takes_a_time_for_the_whole_stream() {
    let mut machine = settled(&[]);
    feed(&mut machine, set("a", 110));
    let ours_only = TargetChange {
        read_time: Some(at(120)),
        ..target_change(TargetChangeType::NoChange, &[TARGET_ID])
    };
    assert_eq!(feed(&mut machine, changed(ours_only)), Step::Gather);
    let timeless = target_change(TargetChangeType::NoChange, &[]);
    assert_eq!(feed(&mut machine, changed(timeless)), Step::Gather);
    assert_eq!(told(&snapshot(&mut machine, 120)), ["+a@110"]);
}

#[test]
fn a_current_for_the_whole_stream_may_be_the_snapshot_itself() {
    let mut machine = started();
    let global =
        TargetChange { read_time: Some(at(9)), ..target_change(TargetChangeType::Current, &[]) };
    assert_eq!(feed(&mut machine, changed(global)), Step::Snapshot);
}

#[test]
fn changes_and_removals_between_two_snapshots_make_one_batch() {
    let mut machine = settled(&[("a", 10), ("b", 11), ("c", 12), ("d", 13)]);
    let messages =
        [set("a", 101), deleted("b", 102), removed("c", 103), left("d", 104), set("e", 105)];
    for message in messages {
        assert_eq!(feed(&mut machine, message), Step::Gather);
    }
    let events = snapshot(&mut machine, 110);
    assert_eq!(told(&events), ["+a@101", "-b", "-c", "-d", "+e@105"]);
}

#[test]
fn what_left_is_billed_and_what_was_deleted_is_not() {
    let mut machine = settled(&[("a", 10), ("b", 11), ("c", 12)]);
    feed(&mut machine, deleted("a", 101));
    assert_eq!(billed(&snapshot(&mut machine, 101)), 0);
    feed(&mut machine, removed("b", 102));
    assert_eq!(billed(&snapshot(&mut machine, 102)), 1);
    feed(&mut machine, left("c", 103));
    assert_eq!(billed(&snapshot(&mut machine, 103)), 1);
}

#[test]
fn a_missing_document_of_a_documents_target_is_no_change() {
    let mut machine = started();
    feed(&mut machine, deleted("a", 10));
    assert!(told(&state(&mut machine, 10)).is_empty());
    feed(&mut machine, deleted("a", 20));
    assert_eq!(snapshot(&mut machine, 20), checkpoint(20, 0));
}

#[test]
fn a_resent_version_is_no_change() {
    let mut machine = settled(&[("a", 10)]);
    feed(&mut machine, set("a", 10));
    assert_eq!(snapshot(&mut machine, 110), checkpoint(110, 1));
}

#[test]
fn snapshots_pile_up_into_one_batch_for_a_slow_reader() {
    let mut machine = settled(&[("a", 10), ("b", 11)]);
    for time in 101..=200 {
        feed(&mut machine, set("a", time));
        feed(&mut machine, no_change(time));
    }
    for message in [deleted("b", 201), set("c", 201), no_change(201)] {
        feed(&mut machine, message);
    }
    for message in [removed("c", 202), no_change(202), set("d", 203)] {
        feed(&mut machine, message);
    }
    let events: Vec<_> = machine.flush().collect();
    assert_eq!(told(&events), ["+a@200", "-b"]);
    assert_eq!(*position(&events[0]), mark(202, Some(1)).position(TARGET));
    assert_eq!(told(&snapshot(&mut machine, 204)), ["+d@203"]);
}

#[test]
fn a_time_that_went_back_waits_until_the_server_has_caught_up() {
    let mut machine = settled(&[]);
    feed(&mut machine, set("a", 90));
    assert!(snapshot(&mut machine, 99).is_empty());
    assert_eq!(told(&snapshot(&mut machine, 100)), ["+a@90"]);
}

#[test]
fn messages_for_other_targets_are_ignored() {
    let mut machine = settled(&[("a", 10)]);
    let other = |kind| changed(target_change(kind, &[7]));
    let messages = [
        other(TargetChangeType::Reset),
        other(TargetChangeType::Remove),
        document_change(message("x", 101), &[7], &[]),
        document_change(message("a", 101), &[], &[7]),
        response(ResponseType::Filter(ExistenceFilter { target_id: 7, count: 9, ..filterless() })),
        response(ResponseType::DocumentDelete(DocumentDelete {
            document: name("a"),
            removed_target_ids: vec![7],
            read_time: Some(at(101)),
        })),
        response(ResponseType::DocumentRemove(DocumentRemove {
            document: name("a"),
            removed_target_ids: vec![7],
            read_time: Some(at(101)),
        })),
        ListenResponse { response_type: None },
    ];
    for message in messages {
        assert_eq!(feed(&mut machine, message), Step::Gather);
    }
    assert_eq!(snapshot(&mut machine, 110), checkpoint(110, 1));
}

fn filterless() -> ExistenceFilter {
    ExistenceFilter { target_id: TARGET_ID, count: 0, unchanged_names: None }
}

#[test]
fn a_removed_target_hands_on_its_cause() {
    let cause = rpc::Status { code: 9, message: "no".into(), details: vec![] };
    let with = TargetChange {
        cause: Some(cause.clone()),
        ..target_change(TargetChangeType::Remove, &[TARGET_ID])
    };
    assert_eq!(feed(&mut started(), changed(with)), Step::Removed(Some(cause)));
    let without = target_change(TargetChangeType::Remove, &[]);
    assert_eq!(feed(&mut started(), changed(without)), Step::Removed(None));
}

#[test]
fn an_unreadable_document_is_an_error_that_names_it() {
    let mut broken = message("a", 10);
    let value = proto::value::ValueType::FieldReferenceValue("f".into());
    broken.fields.insert("f".into(), Value { value_type: Some(value) });
    let error = started().take(document_change(broken, &[TARGET_ID], &[])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.path().unwrap().starts_with("c/a"), "{error}");
}

#[test]
fn other_nonsense_is_an_error_and_never_a_panic() {
    let nameless = ResponseType::DocumentChange(proto::DocumentChange::default());
    let timeless = document_change(
        proto::Document { update_time: None, ..message("a", 1) },
        &[TARGET_ID],
        &[],
    );
    let alien = document_change(
        proto::Document { name: "projects/q/databases/d/documents/c/a".into(), ..message("a", 1) },
        &[TARGET_ID],
        &[],
    );
    let late = TargetChange {
        read_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        ..target_change(TargetChangeType::NoChange, &[])
    };
    for message in [response(nameless), timeless, alien, changed(late)] {
        assert_eq!(started().take(message).unwrap_err().kind(), ErrorKind::Decode);
    }
}
