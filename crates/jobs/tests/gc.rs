//! Collecting old jobs: which are, which are not, and what others left half done.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::str::FromStr;

use firekeep_core::{DocPath, ErrorKind, Fields, Operation, Timestamp, Write, fields};
use firekeep_jobs::{
    Age, ClaimOptions, Error, GcOptions, GcReport, JobSpec, Jobs, Phase, TaskWriter, Update,
};
use firekeep_layers::Fault;
use firekeep_testkit::TestBackend;
use support::{Bed, INDEXES, ms};

fn age(text: &str) -> Age {
    text.parse().unwrap()
}

fn options() -> GcOptions {
    GcOptions::new(age("300ms"), age("600ms")).unwrap()
}

fn jobs(db: &firekeep_core::Db) -> Jobs {
    Jobs::builder(db.clone()).horizon(ms(1000)).build().unwrap()
}

/// A job with two cells that nobody works on.
async fn old(bed: &Bed, id: &str) -> firekeep_jobs::Job {
    let job = jobs(&bed.db).create(id, JobSpec::new(2).history(2)).await.unwrap();
    for task in 0..2 {
        let writer: TaskWriter = bed.claim(&job, task).await;
        writer.set("read", Update::new(1)).await.unwrap();
        assert!(writer.close().await.unwrap().is_done());
    }
    job
}

async fn gc(bed: &Bed, options: &GcOptions) -> GcReport {
    let report = jobs(&bed.db).gc(options).await.unwrap();
    assert_eq!(report.failed, 0, "{report}");
    report
}

async fn everything(bed: &Bed) -> Vec<String> {
    let mut all = Vec::new();
    for group in ["jobs", "states", "events", "leases", "attempts"] {
        let rows = bed.db.query(firekeep_core::Query::group(group)).await.unwrap();
        all.extend(rows.iter().map(|row| format!("{} {}", row.path(), row.updated())));
    }
    all
}

async fn merge(bed: &Bed, path: &str, fields: Fields) {
    bed.db.write(Write::merge(DocPath::new(path).unwrap(), fields).unwrap()).await.unwrap();
}

fn counts(report: &GcReport) -> [u64; 4] {
    [report.scanned, report.tombstoned, report.deleted, report.revived]
}

#[test]
fn ages_are_written_as_people_write_them() {
    let hour = 60 * 60 * 1000;
    for (text, millis) in [
        ("1h", hour),
        ("2D", 48 * hour),
        ("1w", 7 * 24 * hour),
        ("3mo", 90 * 24 * hour),
        ("3M", 3 * 60 * 1000),
        ("1d12h", 36 * hour),
        ("1Mo1m", 30 * 24 * hour + 60 * 1000),
        (" 90s ", 90 * 1000),
        ("5ms", 5),
        ("0d5h", 5 * hour),
    ] {
        assert_eq!(age(text).as_duration(), ms(millis), "{text}");
    }
    for text in [
        "",
        "h",
        "1",
        "1x",
        "1d1",
        "-1d",
        "1.5d",
        "0h",
        "1d1d",
        "1 d",
        "d1",
        "1mö",
        "99999999999999999999d",
        "18446744073709551615d",
        "18446744073709551615ms1d",
        "36525001d",
    ] {
        assert!(Age::from_str(text).is_err(), "{text}");
    }
    assert_eq!(age("36h").to_string(), "1d12h");
    assert_eq!(age("1mo90m").to_string(), "30d1h30m");
    assert!(Age::new(std::time::Duration::ZERO).is_err());
    assert!(Age::new(std::time::Duration::MAX).is_err());
    assert!(GcOptions::new(age("1d"), age("24h")).is_err());
    assert!(GcOptions::new(age("1d"), age("25h")).is_ok());
}

proptest::proptest! {
    #[test]
    fn ages_are_read_as_they_are_shown(millis in 1..3_155_760_000_000_000_u64) {
        let age = Age::new(ms(millis)).unwrap();
        proptest::prop_assert_eq!(age.to_string().parse::<Age>().unwrap(), age);
        proptest::prop_assert_eq!(age.to_string().to_uppercase().parse::<Age>().unwrap(), age);
    }
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn a_job_is_tombstoned_then_deleted_and_then_nothing_is_left(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = old(&bed, "old").await;
        assert_eq!(counts(&gc(&bed, &options()).await), [0; 4]);
        bed.pass(ms(350)).await;
        let before = everything(&bed).await;
        let dry = gc(&bed, &options().dry_run(true)).await;
        assert_eq!((counts(&dry), dry.dry_run), ([1, 1, 0, 0], true));
        assert_eq!(everything(&bed).await, before);
        assert_eq!(counts(&gc(&bed, &options()).await), [1, 1, 0, 0]);
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Tombstoned));
        assert_eq!(counts(&gc(&bed, &options()).await), [0; 4]);
        bed.pass(ms(1150)).await;
        let before = everything(&bed).await;
        let dry = gc(&bed, &options().dry_run(true)).await;
        assert_eq!((counts(&dry), everything(&bed).await), ([1, 0, 1, 0], before));
        let report = gc(&bed, &options().sweep(true)).await;
        assert_eq!(counts(&report), [1, 0, 1, 0]);
        assert_eq!((report.documents, report.orphans), (6, 0), "2 cells, 2 events, 2 counters");
        assert_eq!(everything(&bed).await, [""; 0]);
        assert_eq!(counts(&gc(&bed, &options()).await), [0; 4]);
    }

    async fn a_claimed_job_is_kept_whatever_its_age(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = old(&bed, "claimed").await;
        let claimed = ClaimOptions::default().stall_after(ms(60_000));
        let writer = bed.claim_with(&job, 0, &claimed).await;
        bed.pass(ms(350)).await;
        assert_eq!(counts(&gc(&bed, &options()).await), [1, 0, 0, 0]);
        job.tombstone().await.unwrap();
        bed.pass(ms(1150)).await;
        assert_eq!(counts(&gc(&bed, &options().dry_run(true)).await), [1, 0, 0, 1]);
        assert_eq!(counts(&gc(&bed, &options()).await), [1, 0, 0, 1]);
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Active));
        assert_eq!(writer.set("read", Update::new(2)).await.unwrap().version, 2);
        writer.set("new", Update::new(2)).await.unwrap();
    }

    async fn flaw_2_a_job_with_a_younger_state_is_kept_though_its_stamp_is_old(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (client, _clock) = bed.paused();
        let job = jobs(client.db()).create("young", 1).await.unwrap();
        let stall = ClaimOptions::default().stall_after(ms(100));
        let writer = bed.claim_with(&job, 0, &stall).await;
        writer.set("read", Update::new(1)).await.unwrap();
        bed.pass(ms(350)).await;
        // Its clock stands still: it does not know that its claim has lapsed and its stamp is old.
        writer.set("read", Update::new(2)).await.unwrap();
        assert_eq!(counts(&gc(&bed, &options()).await), [1, 0, 0, 0]);
        bed.pass(ms(350)).await;
        assert_eq!(counts(&gc(&bed, &options()).await), [1, 1, 0, 0]);
        bed.pass(ms(800)).await;
        writer.set("read", Update::new(3)).await.unwrap();
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Tombstoned));
        assert_eq!(counts(&gc(&bed, &options().dry_run(true)).await), [1, 0, 0, 1]);
        assert_eq!(counts(&gc(&bed, &options()).await), [1, 0, 0, 1]);
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Active));
        assert_eq!(job.state("read", 0).await.unwrap().unwrap().version, 3);
    }

    async fn a_sealed_cell_takes_no_write_and_keeps_its_time(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (client, _clock) = bed.paused();
        let job = jobs(client.db()).create("sealed", 1).await.unwrap();
        let stall = ClaimOptions::default().stall_after(ms(100));
        let writer = bed.claim_with(&job, 0, &stall).await;
        let state = writer.set("a", Update::new(1)).await.unwrap();
        bed.pass(ms(350)).await;
        assert_eq!(counts(&gc(&bed, &options()).await), [1, 1, 0, 0]);
        bed.pass(ms(1150)).await;
        // The job is marked, the lapsed lease ended, the cell sealed; there the collection ends.
        bed.faults.nth(Operation::Commit, 4, Fault::Fail(ErrorKind::PermissionDenied));
        let report = jobs(&bed.faulty).gc(&options()).await.unwrap();
        assert_eq!((counts(&report), report.failed), ([1, 0, 0, 0], 1));
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Deleting));
        for tag in ["a", "new"] {
            let error = writer.set(tag, Update::new(2)).await.unwrap_err();
            assert!(matches!(error, Error::Deleted(_) | Error::Lost { .. }), "{error}");
        }
        assert_eq!(job.state("a", 0).await.unwrap().unwrap(), *state, "its time, too");
        assert_eq!(counts(&gc(&bed, &options()).await), [1, 0, 1, 0]);
    }

    async fn what_is_malformed_is_kept_and_counted(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = old(&bed, "cell").await;
        old(&bed, "job").await;
        old(&bed, "lease").await;
        merge(&bed, "jobs/cell/states/read:1", fields! { "taskID" => "one" }).await;
        merge(&bed, "jobs/job", fields! { "numTasks" => "many" }).await;
        merge(&bed, "jobs/lease/leases/x", fields! { "x" => 1 }).await;
        bed.pass(ms(350)).await;
        for options in [options().dry_run(true), options()] {
            let mut failed = vec![];
            let gc = jobs(&bed.db);
            let report = gc.gc_with(&options, |event| {
 if let firekeep_jobs::GcEvent::Failed(id, _) = event {
 failed.push(id.to_string());
 }
 });
            let report = report.await.unwrap();
            assert_eq!((counts(&report), report.failed), ([3, 0, 0, 0], 3));
            failed.sort();
            assert_eq!(failed, ["cell", "job", "lease"]);
        }
        job.tombstone().await.unwrap();
        bed.pass(ms(1150)).await;
        let report = jobs(&bed.db).gc(&options()).await.unwrap();
        assert_eq!((report.deleted, report.failed), (0, 3));
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Active), "and not half deleted");
        assert_eq!(bed.documents("jobs/cell/states").await.len(), 2);
        job.delete().await.unwrap();
        assert_eq!(bed.documents("jobs/cell/states").await.len(), 0, "but who asks, gets");
    }

    async fn what_others_began_is_taken_up(backend: TestBackend) {
        let bed = Bed::new(backend);
        for (id, phase, deletion) in [
            ("young", Phase::Deleting, "aged:x"),
            ("asked", Phase::Deleting, "asked:x"),
            ("purging", Phase::Purging, "aged:x"),
        ] {
            old(&bed, id).await;
            let phase = fields! { "phase" => phase.name(), "deleted" => true, "deletion" => deletion };
            merge(&bed, &format!("jobs/{id}"), phase).await;
        }
        assert_eq!(counts(&gc(&bed, &options().dry_run(true)).await), [3, 0, 2, 1]);
        assert_eq!(counts(&gc(&bed, &options()).await), [3, 0, 2, 1]);
        let left = bed.documents("jobs").await;
        assert_eq!(left.iter().map(|job| job.id()).collect::<Vec<_>>(), ["young"]);
        assert_eq!(support::text(&left[0], "phase"), Some("active"));
        assert_eq!(left[0].get("deletion"), None);
    }

    async fn half_an_answer_deletes_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        old(&bed, "kept").await;
        bed.pass(ms(350)).await;
        let before = everything(&bed).await;
        let client = jobs(&bed.faulty);
        // The newest stamp, what is going, what is tombstoned, what is old.
        for nth in 1..=4 {
            bed.faults.nth(Operation::Query, nth, Fault::Fail(ErrorKind::PermissionDenied));
            let error = client.gc(&options()).await.unwrap_err();
            assert!(matches!(&error, Error::Store(e) if e.kind() == ErrorKind::PermissionDenied));
        }
        // The leases, the states: one job fails, the others would go on.
        for nth in 5..=6 {
            bed.faults.nth(Operation::Query, nth, Fault::Fail(ErrorKind::PermissionDenied));
            let report = client.gc(&options()).await.unwrap();
            assert_eq!((report.failed, report.tombstoned), (1, 0), "{nth}");
        }
        assert_eq!(everything(&bed).await, before);
        bed.faults.nth(Operation::Query, 5, Fault::Fail(ErrorKind::Unavailable));
        assert_eq!(bed.drive(client.gc(&options())).await.unwrap().tombstoned, 1);
    }

    async fn a_clock_that_is_behind_judges_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        old(&bed, "old").await;
        jobs(&bed.db).create("future", 1).await.unwrap();
        merge(&bed, "jobs/future", fields! { "lastActive" => Timestamp::MAX }).await;
        bed.pass(ms(350)).await;
        let error = jobs(&bed.db).gc(&options()).await.unwrap_err();
        assert!(matches!(error, Error::ClockBehind { .. }), "{error}");
        assert_eq!(bed.documents("jobs").await.len(), 2);
    }

    async fn orphans_are_swept_and_nothing_else(backend: TestBackend) {
        let bed = Bed::new(backend);
        old(&bed, "b-alive").await;
        let kept = [
            "aaa/a/states/x:1", "jobs/b-alive/other/d/states/x:1", "jobs/gone/aaa/d/states/x:1",
            "jobs/gone/zzz/d/states/x:1", "jobsy/a/states/x:1", "zzz/a/leases/x",
        ];
        let gone = [
            "jobs/a/states/x:1", "jobs/gone/states/x:1", "jobs/gone/states/x:2",
            "jobs/gone/events/x:1@1", "jobs/b/leases/x", "jobs/z/attempts/x", "jobs/ä/states/:0",
        ];
        for path in kept.iter().chain(&gone) {
            merge(&bed, path, fields! { "x" => 1 }).await;
        }
        let client = jobs(&bed.db);
        let dry = client.sweep(true).await.unwrap();
        assert_eq!((dry.orphans, dry.documents), (5, 0));
        let report = gc(&bed, &options().sweep(true)).await;
        assert_eq!((report.orphans, report.documents), (5, 7));
        let left = everything(&bed).await;
        for path in gone {
            assert!(!left.iter().any(|row| row.starts_with(&format!("{path} "))), "{path}");
        }
        for path in kept {
            assert!(bed.db.get(path).await.unwrap().is_some(), "{path}");
        }
        assert_eq!(client.sweep(false).await.unwrap().orphans, 0);
        assert_eq!(client.open("b-alive").await.unwrap().state("read", 1).await.unwrap().unwrap().version, 1);
    }

    async fn orphans_are_swept_in_a_collection_below_a_document(backend: TestBackend) {
        let bed = Bed::new(backend);
        let client = Jobs::builder(bed.db.clone()).collection("tenants/t/runs").build().unwrap();
        client.create("alive", 1).await.unwrap();
        for path in ["tenants/t/runs/gone/states/x:1", "tenants/u/runs/gone/states/x:1"] {
            merge(&bed, path, fields! { "x" => 1 }).await;
        }
        assert_eq!(client.sweep(false).await.unwrap().documents, 1);
        assert!(bed.db.get("tenants/u/runs/gone/states/x:1").await.unwrap().is_some());
    }
}
