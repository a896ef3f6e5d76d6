//! One picture of a job, as lines of text.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use console::{Style, measure_text_width, truncate_str};
use firekeep::jobs::{Aggregate, Histogram, JobId, State, Status, Tag};

use crate::jobs::shown::{counts, culprit, is_running, line};
use crate::output::count;

/// The widest cell of the grid.
const CELL: usize = 24;
/// The narrowest that says anything.
const NARROWEST: usize = 8;
/// How long a bar is.
const BAR: usize = 20;

/// What a picture shows.
#[derive(Debug)]
pub(super) struct View {
    pub(super) job: JobId,
    pub(super) tasks: Vec<u32>,
    pub(super) tags: Vec<(Tag, Aggregate)>,
    pub(super) whole: Aggregate,
    pub(super) states: Vec<Arc<State>>,
    pub(super) rate: Option<f64>,
    pub(super) left: Option<Duration>,
}

impl View {
    /// The picture, for a terminal of this many rows and columns: a grid of tasks and tags if that
    /// fits, else the tags alone.
    pub(super) fn draw(&self, rows: usize, columns: usize) -> Vec<String> {
        let mut lines = vec![self.head(), self.pace()];
        lines.extend(self.blame());
        let room = rows.saturating_sub(lines.len() + 3);
        let width = columns.saturating_sub(6) / self.tags.len().max(1);
        if self.tasks.len() <= room && width > NARROWEST {
            lines.extend(self.grid(width.min(CELL)));
        } else {
            lines.extend(self.tags.iter().map(|(tag, total)| bar_of(tag, total)).take(room));
        }
        lines.iter().map(|line| truncate_str(line, columns, "…").into_owned()).collect()
    }

    fn head(&self) -> String {
        let bold = Style::new().bold();
        let status = style(self.whole.status).apply_to(self.whole.status);
        let tasks = if self.tasks.len() == 1 { "task" } else { "tasks" };
        let number = count(self.tasks.len() as u64);
        format!("{}  {number} {tasks}, lowest: {status}", bold.apply_to(line(self.job.as_str())))
    }

    fn pace(&self) -> String {
        let Some(histogram) = &self.whole.histogram else { return String::new() };
        let rate = self.rate.map(|rate| format!(", {rate:.1}/s")).unwrap_or_default();
        let left = self.left.filter(|_| !self.whole.status.is_finished());
        let left = left.map(|left| format!(", {} left", time(left))).unwrap_or_default();
        format!("{}{rate}{left}: {}", bar(histogram), counts(histogram))
    }

    /// Who holds the others up.
    fn blame(&self) -> Option<String> {
        let is_over = self.whole.status.is_finished();
        (!is_over).then(|| format!("lowest is {}", line(&culprit(&self.whole))))
    }

    fn grid(&self, width: usize) -> Vec<String> {
        let key = |state: &Arc<State>| ((state.key.task, state.key.tag.clone()), Arc::clone(state));
        let states: HashMap<_, _> = self.states.iter().map(key).collect();
        let quiet = Style::new().dim();
        let tags = self.tags.iter().map(|(tag, _)| pad(&line(tag.as_str()), width));
        let head = format!("{:>5} {}", "", tags.collect::<String>());
        let rows = self.tasks.iter().map(|task| {
            let cells = self.tags.iter().map(|(tag, _)| {
                let state = states.get(&(*task, tag.clone()));
                let status = state.map_or(Status::NOT_STARTED, |state| state.status);
                let text = state.map_or_else(|| "·".to_owned(), |state| cell(state));
                style(status).apply_to(pad(&text, width)).to_string()
            });
            format!("{task:>5} {}", cells.collect::<String>())
        });
        std::iter::once(quiet.apply_to(head).to_string()).chain(rows).collect()
    }
}

/// What fits into a cell of the grid.
fn cell(state: &State) -> String {
    let sign = match state.status {
        status if status.is_finished() => "✔".to_owned(),
        status if status.is_error() => format!("✖ {}", status.as_i32()),
        status if is_running(status) => format!("▶ {}", status.as_i32()),
        _ => "·".to_owned(),
    };
    let share = state.progress.filter(|p| p.total > 0 && !state.status.is_terminal());
    let share = share.map(|p| format!(" {}%", percent(p.done, p.total))).unwrap_or_default();
    format!("{sign}{share} {}", line(&state.message))
}

fn bar_of(tag: &Tag, total: &Aggregate) -> String {
    let Some(histogram) = &total.histogram else { return String::new() };
    format!("{} {}  {}", bar(histogram), pad(&line(tag.as_str()), CELL), counts(histogram))
}

/// How much is finished, and how much has failed.
fn bar(histogram: &Histogram) -> String {
    let total = histogram.total().max(1);
    let cells = |number: u64| usize::try_from(number * BAR as u64 / total).unwrap_or(BAR);
    let failed = histogram.iter().filter(|(status, _)| status.is_error());
    let failed: u64 = failed.map(|(_, count)| count).sum();
    let done = cells(histogram.count(Status::FINISHED));
    // A single failure must be seen among thousands.
    let failed = cells(failed).max(usize::from(failed > 0)).min(BAR - done);
    let (green, red) = (style(Status::FINISHED), style(Status::new(-1)));
    let rest = "░".repeat(BAR - done - failed);
    let percent = histogram.percent_done().floor();
    format!(
        "{}{}{rest} {percent:>3}%",
        green.apply_to("█".repeat(done)),
        red.apply_to("█".repeat(failed))
    )
}

fn percent(done: u64, total: u64) -> u64 {
    u64::try_from(u128::from(done.min(total)) * 100 / u128::from(total.max(1))).unwrap_or(100)
}

fn style(status: Status) -> Style {
    match status {
        status if status.is_finished() => Style::new().green(),
        status if status.is_error() => Style::new().red(),
        status if is_running(status) => Style::new().cyan(),
        _ => Style::new().dim(),
    }
}

/// Text in exactly this many columns, the last one empty.
fn pad(text: &str, width: usize) -> String {
    let cut = truncate_str(text.trim_end(), width.saturating_sub(1), "…").into_owned();
    let rest = width.saturating_sub(measure_text_width(&cut));
    cut + &" ".repeat(rest)
}

/// A time that nobody needs to the second.
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", count(seconds / 3600)),
    }
}

#[cfg(test)]
mod tests;
