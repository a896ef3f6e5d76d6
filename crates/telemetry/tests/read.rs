//! Reading back: the last ones, windows, pages in either direction, at the stated cost.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use firekeep_telemetry::{
    CursorError, DeviceId, Direction, Page, Reading, ReadingError, ReadingId, Unit, Window,
};
use support::{Bed, device, minute, on_each_backend, reading, reading_of, readings, tenant};

on_each_backend! {
    the_last_ones_cost_what_they_are,
    a_window_takes_its_start_and_not_its_end,
    pages_run_through_equal_instants_without_loss_or_repeat,
    pages_run_back_the_way_they_came,
    a_page_stays_true_while_readings_arrive,
    newer_readings_are_before_the_first_page,
    an_empty_page_leads_back,
    cursors_belong_to_one_query,
    limits_are_named,
    a_tenants_last_readings_are_of_all_its_devices,
    devices_are_listed_by_id_with_their_freshness,
}

fn room() -> DeviceId {
    device("room")
}

fn window(order: Direction) -> Window {
    Window { order, ..Window::default() }
}

async fn the_last_ones_cost_what_they_are(mut bed: Bed) {
    bed.telemetry.write_batch(&readings(0..200)).await.unwrap();
    bed.bill();
    let last = bed.telemetry.last(&tenant(), &room(), 150).await.unwrap();
    assert_eq!(last, readings(50..200).into_iter().rev().collect::<Vec<_>>());
    assert_eq!(bed.bill(), (1, 150, 0));
    let recent = bed.telemetry.recent(&tenant(), &room()).await.unwrap();
    assert_eq!(recent.readings().len(), 120);
    assert_eq!(bed.bill(), (1, 1, 0));
    assert_eq!(bed.telemetry.last(&tenant(), &device("none"), 5).await.unwrap(), []);
    assert_eq!(bed.bill(), (1, 1, 0));
    assert_eq!(bed.telemetry.recent(&tenant(), &device("none")).await.unwrap().revision(), 0);
    assert_eq!(bed.bill(), (1, 1, 0));
}

async fn a_window_takes_its_start_and_not_its_end(mut bed: Bed) {
    bed.telemetry.write_batch(&readings(0..20)).await.unwrap();
    bed.bill();
    let window = Window { from: Some(minute(5)), to: Some(minute(9)), ..Window::default() };
    let page = bed.telemetry.page(&tenant(), &room(), window, None, 100).await.unwrap();
    assert_eq!(page.readings, readings(5..9));
    assert_eq!(page.next, None);
    assert_eq!(bed.bill(), (1, 4, 0));
}

/// Twelve readings, five of them at one instant.
async fn clustered(bed: &Bed) -> Vec<Reading> {
    let mut all = readings(0..4);
    for key in ["b", "a", "e", "d", "c"] {
        let at_once = Reading::builder(tenant(), room(), minute(4))
            .id(ReadingId::new(key).unwrap())
            .value("x", 1.0, Unit::One);
        all.push(at_once.build().unwrap());
    }
    all.extend(readings(5..8));
    bed.telemetry.write_batch(&all).await.unwrap();
    all.sort_by(|l, r| (l.at(), l.id()).cmp(&(r.at(), r.id())));
    all
}

async fn turn(bed: &Bed, window: Window, cursor: Option<&str>, limit: u32) -> Page {
    bed.telemetry.page(&tenant(), &room(), window, cursor, limit).await.unwrap()
}

async fn pages_run_through_equal_instants_without_loss_or_repeat(bed: Bed) {
    let mut expected = clustered(&bed).await;
    for order in [Direction::Ascending, Direction::Descending] {
        for limit in 1..=13 {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let page = turn(&bed, window(order), cursor.as_deref(), limit).await;
                assert!(page.readings.len() <= limit as usize);
                seen.extend(page.readings);
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected, "{order:?} by {limit}");
        }
        expected.reverse();
    }
}

async fn pages_run_back_the_way_they_came(bed: Bed) {
    let all = clustered(&bed).await;
    let w = window(Direction::Ascending);
    let first = turn(&bed, w, None, 5).await;
    let second = turn(&bed, w, first.next.as_deref(), 5).await;
    let third = turn(&bed, w, second.next.as_deref(), 5).await;
    assert_eq!((third.readings.len(), &third.next), (2, &None));
    let back = turn(&bed, w, third.previous.as_deref(), 5).await;
    assert_eq!(back.readings, all[5..10]);
    let back = turn(&bed, w, back.previous.as_deref(), 5).await;
    assert_eq!(back.readings, all[..5]);
    let forth = turn(&bed, w, back.next.as_deref(), 5).await;
    assert_eq!(forth.readings, all[5..10]);
}

async fn a_page_stays_true_while_readings_arrive(bed: Bed) {
    bed.telemetry.write_batch(&readings(0..10)).await.unwrap();
    let w = window(Direction::Descending);
    let first = turn(&bed, w, None, 4).await;
    bed.telemetry.write_batch(&readings(10..20)).await.unwrap();
    let second = turn(&bed, w, first.next.as_deref(), 4).await;
    let expected: Vec<_> = readings(2..6).into_iter().rev().collect();
    assert_eq!(second.readings, expected);
}

async fn newer_readings_are_before_the_first_page(bed: Bed) {
    bed.telemetry.write_batch(&readings(0..10)).await.unwrap();
    let w = window(Direction::Descending);
    let first = turn(&bed, w, None, 4).await;
    let none = turn(&bed, w, first.previous.as_deref(), 4).await;
    assert_eq!(none.readings, []);
    bed.telemetry.write_batch(&readings(10..12)).await.unwrap();
    let newer = turn(&bed, w, first.previous.as_deref(), 4).await;
    assert_eq!(newer.readings, [reading(11), reading(10)]);
}

async fn an_empty_page_leads_back(bed: Bed) {
    bed.telemetry.write_batch(&readings(0..4)).await.unwrap();
    let w = window(Direction::Ascending);
    let full = turn(&bed, w, None, 4).await;
    let empty = turn(&bed, w, full.next.as_deref(), 4).await;
    assert_eq!((empty.readings.len(), &empty.next), (0, &None));
    let back = turn(&bed, w, empty.previous.as_deref(), 4).await;
    assert_eq!(back.readings, full.readings);
}

async fn cursors_belong_to_one_query(mut bed: Bed) {
    bed.telemetry.write_batch(&readings(0..4)).await.unwrap();
    let w = window(Direction::Ascending);
    let cursor = turn(&bed, w, None, 2).await.next.unwrap();
    bed.bill();
    let (acme, foreign) = (tenant(), firekeep_telemetry::TenantId::new("other").unwrap());
    for (tenant, device, window) in [
        (&foreign, room(), w),
        (&acme, device("hall"), w),
        (&acme, room(), window(Direction::Descending)),
        (&acme, room(), Window { from: Some(minute(0)), ..w }),
        (&acme, room(), Window { to: Some(minute(0)), ..w }),
    ] {
        let page = bed.telemetry.page(tenant, &device, window, Some(&cursor), 2).await;
        let error = page.unwrap_err();
        assert!(matches!(error, ReadingError::Cursor(CursorError::OtherQuery)), "{error}");
    }
    for text in ["", "x", "%%%", &cursor[..cursor.len() / 2], &format!("{cursor}//")] {
        let page = bed.telemetry.page(&acme, &room(), w, Some(text), 2).await;
        let error = page.unwrap_err();
        assert!(matches!(error, ReadingError::Cursor(CursorError::Malformed)), "{text}: {error}");
    }
    assert_eq!(bed.bill(), (0, 0, 0), "nothing was sent");
}

async fn limits_are_named(mut bed: Bed) {
    let (t, d, w) = (tenant(), room(), Window::default());
    let backwards = Window { from: Some(minute(2)), to: Some(minute(1)), ..w };
    for (error, field) in [
        (bed.telemetry.last(&t, &d, 0).await.unwrap_err(), "last"),
        (bed.telemetry.last(&t, &d, 1_001).await.unwrap_err(), "last"),
        (bed.telemetry.page(&t, &d, w, None, 0).await.unwrap_err(), "limit"),
        (bed.telemetry.page(&t, &d, backwards, None, 1).await.unwrap_err(), "to"),
        (bed.telemetry.devices(&t, None, 301).await.unwrap_err(), "limit"),
    ] {
        let ReadingError::Invalid(invalid) = error else { panic!("{error}") };
        assert_eq!(invalid.field, field);
    }
    assert_eq!(bed.bill(), (0, 0, 0));
}

async fn a_tenants_last_readings_are_of_all_its_devices(mut bed: Bed) {
    let all: Vec<_> = (0..10).map(|n| reading_of(if n % 2 == 0 { "a" } else { "b" }, n)).collect();
    bed.telemetry.write_batch(&all).await.unwrap();
    bed.bill();
    let last = bed.telemetry.last_of_tenant(&tenant(), 4).await.unwrap();
    assert_eq!(last, all[6..].iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(bed.bill(), (1, 4, 0));
}

async fn devices_are_listed_by_id_with_their_freshness(mut bed: Bed) {
    for (id, n) in [("b", 5), ("a", 3), ("c", 1)] {
        bed.telemetry.write(&reading_of(id, n)).await.unwrap();
    }
    bed.bill();
    let devices = bed.telemetry.devices(&tenant(), None, 2).await.unwrap();
    let seen: Vec<_> = devices.iter().map(|d| (d.id.as_str(), d.last_at)).collect();
    assert_eq!(seen, [("a", minute(3)), ("b", minute(5))]);
    assert!(devices[1].received_at < devices[0].received_at, "b wrote first");
    assert_eq!(bed.bill(), (1, 2, 0));
    let rest = bed.telemetry.devices(&tenant(), Some(&device("b")), 2).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].id, device("c"));
}
