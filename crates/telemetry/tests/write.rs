//! Storing readings: once each, whole commits, nothing half-written, at the stated cost.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use firekeep_core::ManualClock;
use firekeep_telemetry::{
    BatchReport, RECENT_CAPACITY, Reading, ReadingError, ReadingId, Retention, Stored, Telemetry,
    Unit,
};
use support::{Bed, device, minute, on_each_backend, reading, reading_of, readings, tenant};

on_each_backend! {
    a_steady_writer_pays_one_rpc_and_two_writes,
    a_repeat_is_one_round_trip_and_changes_nothing,
    another_content_under_an_id_is_a_conflict,
    a_batch_is_split_and_counted,
    a_batch_sent_again_changes_nothing,
    a_batch_that_was_cut_short_is_completed,
    a_conflict_in_a_batch_tells_how_far_it_came,
    a_batch_of_many_devices_keeps_each_ones_last,
    two_handles_lose_nothing,
    an_old_reading_leaves_the_recent_ones_alone,
    a_reading_comes_back_as_it_went_in,
    retention_sets_an_expiry,
}

fn other(n: i64) -> Reading {
    let same_id = reading(n).id().clone();
    Reading::builder(tenant(), device("room"), minute(n))
        .id(same_id)
        .value("temperature", -3.0, Unit::Celsius)
        .build()
        .unwrap()
}

async fn a_steady_writer_pays_one_rpc_and_two_writes(mut bed: Bed) {
    assert_eq!(bed.telemetry.write(&reading(0)).await.unwrap(), Stored::Created);
    assert_eq!(bed.bill(), (2, 1, 2), "the first write reads the device's document");
    for n in 1..5 {
        assert_eq!(bed.telemetry.write(&reading(n)).await.unwrap(), Stored::Created);
        assert_eq!(bed.bill(), (1, 0, 2));
    }
}

async fn a_repeat_is_one_round_trip_and_changes_nothing(mut bed: Bed) {
    bed.telemetry.write(&reading(0)).await.unwrap();
    let before = bed.db.get(reading(0).path().unwrap()).await.unwrap().unwrap();
    bed.bill();
    assert_eq!(bed.telemetry.write(&reading(0)).await.unwrap(), Stored::Unchanged);
    assert_eq!(bed.bill(), (1, 1, 0));
    let other_process = Telemetry::new(bed.db.clone());
    assert_eq!(other_process.write(&reading(0)).await.unwrap(), Stored::Unchanged);
    assert_eq!(bed.bill(), (1, 1, 0), "from another process too");
    let after = bed.db.get(reading(0).path().unwrap()).await.unwrap().unwrap();
    assert_eq!(before, after);
}

async fn another_content_under_an_id_is_a_conflict(bed: Bed) {
    bed.telemetry.write(&reading(0)).await.unwrap();
    for telemetry in [bed.telemetry.clone(), Telemetry::new(bed.db.clone())] {
        let error = telemetry.write(&other(0)).await.unwrap_err();
        let ReadingError::Conflict { path } = &error else { panic!("{error}") };
        assert_eq!(path, reading(0).path().unwrap().as_str());
        assert!(!error.to_string().contains("-3"), "{error}");
    }
    let stored = bed.telemetry.last(&tenant(), &device("room"), 10).await.unwrap();
    assert_eq!(stored, [reading(0)]);
}

async fn a_batch_is_split_and_counted(mut bed: Bed) {
    let all = readings(0..1_200);
    let report = bed.telemetry.write_batch(&all).await.unwrap();
    assert_eq!(report, BatchReport { created: 1_200, unchanged: 0 });
    assert_eq!(bed.bill(), (4, 1, 1_203), "three commits of at most 499 and the device's document");
    let recent = bed.telemetry.recent(&tenant(), &device("room")).await.unwrap();
    assert_eq!(recent.readings().cloned().collect::<Vec<_>>(), all[1_200 - RECENT_CAPACITY..]);
    assert_eq!(recent.revision(), 3);
    assert_eq!(bed.bill(), (1, 1, 0));
}

async fn a_batch_sent_again_changes_nothing(mut bed: Bed) {
    let all = readings(0..100);
    bed.telemetry.write_batch(&all).await.unwrap();
    bed.bill();
    let again = bed.telemetry.write_batch(&all).await.unwrap();
    assert_eq!(again, BatchReport { created: 0, unchanged: 100 });
    assert_eq!(bed.bill(), (1, 1, 0));
    let mut doubled = readings(100..110);
    doubled.extend(readings(100..110));
    let report = bed.telemetry.write_batch(&doubled).await.unwrap();
    assert_eq!(report, BatchReport { created: 10, unchanged: 10 });
}

async fn a_batch_that_was_cut_short_is_completed(mut bed: Bed) {
    let all = readings(0..300);
    bed.telemetry.write_batch(&all[..150]).await.unwrap();
    bed.bill();
    // The last 120 of what is stored are known from the device's document; the other 30 only
    // show when the store refuses to create them.
    let report = bed.telemetry.write_batch(&all).await.unwrap();
    assert_eq!(report, BatchReport { created: 150, unchanged: 150 });
    let (rpcs, reads, writes) = bed.bill();
    assert_eq!((rpcs, reads, writes), (4, 1 + 180 + 1, 151));
    let stored = bed.telemetry.last(&tenant(), &device("room"), 1_000).await.unwrap();
    assert_eq!(stored.len(), 300);
}

async fn a_conflict_in_a_batch_tells_how_far_it_came(bed: Bed) {
    bed.telemetry.write(&other(600)).await.unwrap();
    let error = bed.telemetry.write_batch(&readings(0..1_000)).await.unwrap_err();
    assert_eq!((error.done, error.index), (499, Some(600)), "{error}");
    assert!(matches!(error.source, ReadingError::Conflict { .. }));
    let stored = bed.telemetry.last(&tenant(), &device("room"), 1_000).await.unwrap();
    assert_eq!(stored.len(), 500, "the first commit whole, the second not at all");
    let clash = [reading(2_000), other(2_000)];
    let error = bed.telemetry.write_batch(&clash).await.unwrap_err();
    assert_eq!((error.done, error.index), (0, Some(1)));
}

async fn a_batch_of_many_devices_keeps_each_ones_last(mut bed: Bed) {
    let all: Vec<_> = (0..300).map(|n| reading_of(&format!("d{n}"), n)).collect();
    bed.telemetry.write_batch(&all).await.unwrap();
    // 250 devices fill a commit: a reading and a document each.
    assert_eq!(bed.bill(), (4, 300, 600));
    for n in [0, 249, 250, 299] {
        let recent = bed.telemetry.recent(&tenant(), &device(&format!("d{n}"))).await.unwrap();
        assert_eq!(recent.readings().collect::<Vec<_>>(), [&all[n]]);
    }
}

async fn two_handles_lose_nothing(bed: Bed) {
    let (one, two) = (bed.telemetry.clone(), Telemetry::new(bed.db.clone()));
    for n in 0..6 {
        let (left, right) = (reading(2 * n), reading(2 * n + 1));
        let (left, right) = futures::join!(one.write(&left), two.write(&right));
        assert_eq!((left.unwrap(), right.unwrap()), (Stored::Created, Stored::Created));
    }
    let recent = bed.telemetry.recent(&tenant(), &device("room")).await.unwrap();
    assert_eq!(recent.readings().cloned().collect::<Vec<_>>(), readings(0..12));
}

async fn an_old_reading_leaves_the_recent_ones_alone(mut bed: Bed) {
    bed.telemetry.write_batch(&readings(1_000..1_130)).await.unwrap();
    bed.bill();
    assert_eq!(bed.telemetry.write(&reading(5)).await.unwrap(), Stored::Created);
    assert_eq!(bed.bill(), (1, 0, 1), "no trace in the device's document");
    assert_eq!(bed.telemetry.write(&reading(5)).await.unwrap(), Stored::Unchanged);
    assert_eq!(bed.bill(), (2, 2, 0));
    let recent = bed.telemetry.recent(&tenant(), &device("room")).await.unwrap();
    assert_eq!(recent.readings().next(), Some(&reading(1_010)));
}

async fn a_reading_comes_back_as_it_went_in(bed: Bed) {
    let written = Reading::builder(tenant(), device("room"), minute(0))
        .id(ReadingId::new("a.b:c").unwrap())
        .value("t", -0.0, Unit::Celsius)
        .value("tiny", f64::MIN_POSITIVE, Unit::KilogramsPerKilogram)
        .value("huge", f64::MAX, Unit::One)
        .expires_at(minute(99))
        .build()
        .unwrap();
    bed.telemetry.write(&written).await.unwrap();
    bed.telemetry.write(&reading(1)).await.unwrap();
    let stored = bed.telemetry.last(&tenant(), &device("room"), 5).await.unwrap();
    assert_eq!(stored, [reading(1), written.clone()]);
    let recent = bed.telemetry.recent(&tenant(), &device("room")).await.unwrap();
    assert_eq!(recent.readings().cloned().collect::<Vec<_>>(), [written, reading(1)]);
}

async fn retention_sets_an_expiry(bed: Bed) {
    let day = Duration::from_secs(86_400);
    let kept = Telemetry::new(bed.db.clone()).with_retention(Retention::After(day));
    kept.write(&reading(0)).await.unwrap();
    let stored = kept.last(&tenant(), &device("room"), 1).await.unwrap();
    assert_eq!(stored[0].expires_at(), Some(minute(0).saturating_add(day)));
    // A changed retention makes no conflict.
    assert_eq!(bed.telemetry.write(&reading(0)).await.unwrap(), Stored::Unchanged);
}

#[tokio::test]
async fn what_has_expired_goes_and_the_silent_device_with_it() {
    let clock = ManualClock::at(minute(0));
    let store = support::memory(clock.clone());
    let control = store.control();
    let bed = Bed::new(store);
    let hour = Duration::from_secs(3_600);
    let kept = bed.telemetry.clone().with_retention(Retention::After(hour));
    kept.write(&reading(0)).await.unwrap();
    kept.write(&reading(30)).await.unwrap();
    clock.advance(Duration::from_secs(61 * 60));
    control.expire_documents();
    assert_eq!(kept.last(&tenant(), &device("room"), 9).await.unwrap().len(), 1);
    assert_eq!(kept.devices(&tenant(), None, 9).await.unwrap().len(), 1);
    clock.advance(hour);
    control.expire_documents();
    assert_eq!(kept.devices(&tenant(), None, 9).await.unwrap(), []);
    // A handle that remembers the device finds out and starts it anew.
    assert_eq!(bed.telemetry.write(&reading(500)).await.unwrap(), Stored::Created);
    let recent = bed.telemetry.recent(&tenant(), &device("room")).await.unwrap();
    assert_eq!(recent.readings().collect::<Vec<_>>(), [&reading(500)]);
}

#[tokio::test]
async fn a_device_that_names_its_metrics_ever_anew_fits_its_document() {
    let bed = Bed::memory();
    let wild: Vec<_> = (0..300)
        .map(|n| {
            (0..32)
                .fold(Reading::builder(tenant(), device("room"), minute(n)), |builder, m| {
                    let name = format!("m{n}_{m}_{}", "x".repeat(50));
                    builder.value(&name, 1.0, Unit::MicrogramsPerCubicMetre)
                })
                .build()
                .unwrap()
        })
        .collect();
    bed.telemetry.write_batch(&wild).await.unwrap();
    let document = bed.db.get("tenants/acme/devices/room").await.unwrap().unwrap();
    assert!(document.size() <= firekeep_telemetry::recent::RECENT_MAX_BYTES);
    let recent = bed.telemetry.recent(&tenant(), &device("room")).await.unwrap();
    assert_eq!(recent.readings().last(), wild.last());
    assert!(recent.readings().len() > 20, "{}", recent.readings().len());
}

#[tokio::test]
async fn five_hundred_of_the_largest_readings_stay_far_below_the_request_limit() {
    let id = "i".repeat(128);
    let largest = (0..32)
        .fold(Reading::builder(tenant(), device(&id), minute(0)), |builder, m| {
            let name = format!("m{m:02}{}", "x".repeat(61));
            builder.value(&name, 1.0, Unit::MicrogramsPerCubicMetre)
        })
        .id(ReadingId::new(&id).unwrap())
        .build()
        .unwrap();
    let bed = Bed::memory();
    bed.telemetry.write(&largest).await.unwrap();
    let document = bed.db.get(largest.path().unwrap()).await.unwrap().unwrap();
    assert!(document.size() < 4 * 1_024, "{} bytes", document.size());
}
