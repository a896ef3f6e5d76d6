//! Each fault of a stream of changes by itself, at each message that it may strike. The client holds
//! the state that it told, so that its reader is told differences alone, once each, whatever a server
//! repeats or declares void.

use firekeep_wire::{FaultKind, Method};

use crate::subscriber::Subscriber;

/// A reader who has caught up, with nothing struck.
async fn calm() -> Subscriber {
    let mut reader = Subscriber::new().await;
    reader.catches_up().await;
    assert_eq!((reader.streams(), reader.repeats, reader.resets), (1, 0, 0));
    reader
}

/// Changes of all kinds, then more once the reader has caught up.
async fn life_goes_on(reader: &mut Subscriber) {
    reader.write("a", 1).await;
    reader.delete("b").await;
    reader.write("e", 1).await;
    reader.catches_up().await;
    reader.write("b", 2).await;
    reader.delete("a").await;
    reader.catches_up().await;
}

/// Strikes with `kinds`, one after the other, while life goes on. Answers the reader, who has caught
/// up again.
async fn through(kinds: &[FaultKind]) -> Subscriber {
    let mut reader = calm().await;
    for kind in kinds {
        reader.faults().next(Method::Listen, *kind);
    }
    reader.write("d", 1).await;
    for kind in kinds {
        reader.struck(*kind, 1).await;
    }
    reader.catches_up().await;
    life_goes_on(&mut reader).await;
    for kind in kinds {
        assert_eq!(reader.faults().counts()[kind], 1);
    }
    reader
}

#[tokio::test]
async fn a_cut_stream_is_resumed_without_a_gap_or_a_repeat() {
    for kind in [FaultKind::Cut, FaultKind::Disconnect, FaultKind::Break] {
        let reader = through(&[kind]).await;
        assert_eq!((reader.streams(), reader.repeats, reader.resets), (2, 0, 0), "{kind}");
    }
}

#[tokio::test]
async fn a_reset_target_is_read_anew_on_the_same_stream() {
    let reader = through(&[FaultKind::Reset]).await;
    assert_eq!((reader.streams(), reader.repeats, reader.resets), (1, 0, 0));
}

#[tokio::test]
async fn what_a_stale_token_repeats_is_not_told_twice() {
    let mut reader = through(&[FaultKind::StaleToken]).await;
    assert_eq!((reader.streams(), reader.repeats), (1, 0));
    reader.faults().next(Method::Listen, FaultKind::StaleToken);
    reader.write("d", 7).await;
    reader.struck(FaultKind::StaleToken, 2).await;
    reader.catches_up().await;
    reader.faults().next(Method::Listen, FaultKind::Cut);
    reader.write("e", 7).await;
    reader.struck(FaultKind::Cut, 1).await;
    reader.catches_up().await;
    assert_eq!((reader.streams(), reader.repeats, reader.resets), (2, 0, 0));
    life_goes_on(&mut reader).await;
}

#[tokio::test]
async fn a_refused_token_means_to_read_anew() {
    let reader = through(&[FaultKind::Break, FaultKind::ExpireToken]).await;
    assert_eq!((reader.streams(), reader.repeats, reader.resets), (3, 0, 0));
}

#[tokio::test]
async fn a_forgotten_token_means_to_read_anew() {
    let reader = through(&[FaultKind::Break, FaultKind::ForgetToken]).await;
    assert_eq!((reader.streams(), reader.repeats, reader.resets), (2, 0, 0));
}

#[tokio::test]
async fn a_wrong_filter_means_to_read_anew() {
    let reader = through(&[FaultKind::WrongFilter]).await;
    assert_eq!((reader.streams(), reader.repeats, reader.resets), (2, 0, 0));
}

#[tokio::test]
async fn a_silent_stream_is_left_after_two_minutes() {
    let reader = through(&[FaultKind::Silence]).await;
    assert_eq!((reader.streams(), reader.repeats, reader.resets), (2, 0, 0));
}

#[tokio::test]
async fn a_stream_that_does_not_open_is_tried_again() {
    for kind in [FaultKind::Unavailable, FaultKind::Internal, FaultKind::Aborted] {
        let reader = through(&[FaultKind::Break, kind]).await;
        assert_eq!((reader.streams(), reader.repeats, reader.resets), (3, 0, 0), "{kind}");
    }
}

/// While the state is told for the first time, or again.
#[tokio::test]
async fn no_message_is_a_wrong_one_to_strike() {
    let kinds = [
        FaultKind::Cut,
        FaultKind::Disconnect,
        FaultKind::Break,
        FaultKind::Silence,
        FaultKind::Reset,
        FaultKind::StaleToken,
        FaultKind::WrongFilter,
    ];
    for kind in kinds {
        for nth in 1..=10 {
            let mut reader = Subscriber::new().await;
            reader.faults().nth(Method::Listen, nth, kind);
            reader.catches_up().await;
            for n in 1..=3 {
                reader.write("a", n).await;
                reader.catches_up().await;
                reader.delete("b").await;
                reader.write("b", n).await;
                reader.catches_up().await;
            }
            let struck = reader.faults().counts().get(&kind).copied();
            // The seventh event of a single target is beyond what was told.
            assert!(struck == Some(1) || (kind == FaultKind::Reset && nth > 6), "{kind} {nth}");
            assert!(reader.streams() <= 2, "{kind} {nth}: {}", reader.streams());
            assert_eq!((reader.repeats, reader.resets), (0, 0), "{kind} {nth}");
        }
    }
}
