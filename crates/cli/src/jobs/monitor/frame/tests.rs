use firekeep::jobs::{JobSpec, Jobs, Scope, Update};
use firekeep::{Db, MemoryStore};

use super::*;

/// A job of so many tasks: the first is finished, the second half-way, the third has failed.
async fn view(tasks: u32) -> View {
    let jobs = Jobs::new(Db::new(MemoryStore::builder().build()));
    let tags = ["read", "clean"].map(|tag| Tag::new(tag).unwrap());
    let job = jobs.create("nightly", JobSpec::new(tasks).tags(tags)).await.unwrap();
    let updates = [
        Update::finished(),
        Update::new(1).progress(1, 2).message("half\u{1b}[2J way"),
        Update::failed(7).message("bad luck"),
    ];
    for (task, update) in (0..).zip(updates) {
        let writer = job.claim(task).await.unwrap().writer().unwrap();
        writer.set("read", update).await.unwrap();
    }
    let board = job.board().unwrap();
    board.ready().await.unwrap();
    let total = |tag: Tag| (tag.clone(), board.aggregate(&Scope::Tag(tag)).unwrap());
    View {
        job: job.id().clone(),
        tasks: (0..tasks).collect(),
        tags: board.tags().into_iter().map(total).collect(),
        whole: board.aggregate(&Scope::Job).unwrap(),
        states: board.states(&Scope::Job),
        rate: Some(1.5),
        left: Some(Duration::from_secs(200)),
    }
}

fn plain(lines: &[String]) -> Vec<String> {
    let plain = |line: &String| console::strip_ansi_codes(line).trim_end().to_owned();
    lines.iter().map(plain).collect()
}

#[tokio::test]
async fn few_tasks_are_a_grid_with_the_culprit_named_above() {
    let lines = plain(&view(4).await.draw(24, 80));
    let expected = [
        "nightly  4 tasks, lowest: error -7",
        "████░░░░░░░░░░░░░░░░  12%, 1.5/s, 3 min left: 1 finished, 1 step 1, 5 not started, 1 error -7",
        "lowest is task 2 in `read`, error -7: bad luck",
        "      clean                   read",
        "    0 ·                       ✔",
        "    1 ·                       ▶ 1 50% half [2J way",
        "    2 ·                       ✖ -7 bad luck",
        "    3 ·                       ·",
    ];
    let cut = |line: &str| console::truncate_str(line, 80, "…").into_owned();
    assert_eq!(lines, expected.map(cut));
}

#[tokio::test]
async fn many_tasks_are_a_bar_per_tag_and_no_line_is_wider_than_the_terminal() {
    let view = view(1000).await;
    let lines = plain(&view.draw(24, 60));
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines[3].contains("clean") && lines[4].contains("read"), "{lines:?}");
    assert!(lines.iter().all(|line| measure_text_width(line) <= 60), "{lines:?}");
    for (rows, columns) in [(1, 1), (3, 10), (5, 20)] {
        assert!(view.draw(rows, columns).iter().all(|line| measure_text_width(line) <= columns));
    }
}
