//! Random sequences of commands on two stores, whose answers must agree.
//!
//! Compared are values bit by bit, the order of rows, error kinds, which writes changed a version,
//! transform results, past and transactional reads, and what queries are billed. Times are compared
//! by when they were first told. A sequence follows from its seed alone.

mod command;
mod draw;
mod draw_query;
mod draw_value;
mod play;

use std::fmt;
use std::sync::Arc;

use firekeep_core::Store;
use futures::{StreamExt, stream};

use command::Command;
use draw::{Place, draw};
use play::Player;

/// Two stores that should agree.
#[derive(Clone, Debug)]
pub struct Differential {
    left: Arc<dyn Store>,
    right: Arc<dyn Store>,
}

/// Where two stores did not agree.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The seed of the sequence.
    pub seed: u64,
    /// What is left of the sequence when every command is gone without which they disagree too.
    pub commands: Vec<String>,
    /// What the left store answered to the last command.
    pub left: String,
    /// What the right store answered to it.
    pub right: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the stores disagree in sequence {:#018x}:", self.seed)?;
        for (index, command) in self.commands.iter().enumerate() {
            writeln!(f, "  {index}. {command}")?;
        }
        writeln!(f, "  left:  {}", self.left)?;
        write!(f, "  right: {}", self.right)
    }
}

impl Differential {
    /// Compares `left` with `right`. Both may hold data; a run works below `differential/`.
    pub fn new(left: Arc<dyn Store>, right: Arc<dyn Store>) -> Self {
        Self { left, right }
    }

    /// Runs the sequences of `seeds`, several at once, until two answers differ; tells `progress`
    /// how many agreed. The disagreement is cut down to the commands it needs.
    pub async fn run(
        &self,
        seeds: impl IntoIterator<Item = u64>,
        mut progress: impl FnMut(usize),
    ) -> Option<Disagreement> {
        let checks = stream::iter(seeds).map(|seed| async move {
            let whole = |place: &Place| draw(seed, place);
            self.compare(whole).await.map(|at| (seed, at))
        });
        let mut checks = checks.buffer_unordered(AT_ONCE);
        let mut agreed = 0;
        while let Some(outcome) = checks.next().await {
            if let Some((seed, at)) = outcome {
                drop(checks);
                return Some(self.cut_down(seed, at.index).await.unwrap_or(at.told(seed)));
            }
            agreed += 1;
            progress(agreed);
        }
        None
    }

    /// Plays one sequence on both stores, in a place of its own.
    async fn compare(&self, draw: impl Fn(&Place) -> Vec<Command>) -> Option<Difference> {
        let tag: String = std::iter::repeat_with(fastrand::alphanumeric).take(16).collect();
        let place = Place::new(&tag);
        let commands = draw(&place);
        let mut left = Player::new(Arc::clone(&self.left), place.clone());
        let mut right = Player::new(Arc::clone(&self.right), place);
        for (index, command) in commands.iter().enumerate() {
            let (one, other) = futures::join!(left.play(command), right.play(command));
            if one != other {
                let left = format!("{one} [{}]", left.messages());
                let right = format!("{other} [{}]", right.messages());
                let commands = commands[..=index].iter().map(|c| format!("{c:?}")).collect();
                return Some(Difference { index, commands, left, right });
            }
        }
        None
    }

    /// Leaves out whatever commands of the first `last` it can while the stores still disagree.
    async fn cut_down(&self, seed: u64, last: usize) -> Option<Disagreement> {
        let mut kept: Vec<usize> = (0..=last).collect();
        let mut found = None;
        for candidate in (0..=last).rev() {
            let fewer: Vec<_> = kept.iter().copied().filter(|index| *index != candidate).collect();
            let some = |place: &Place| {
                let whole = draw(seed, place);
                fewer.iter().map(|index| whole[*index].clone()).collect()
            };
            if let Some(difference) = self.compare(some).await {
                found = Some(difference.told(seed));
                kept = fewer;
            }
        }
        found
    }
}

/// Where one run differed.
struct Difference {
    index: usize,
    commands: Vec<String>,
    left: String,
    right: String,
}

impl Difference {
    fn told(self, seed: u64) -> Disagreement {
        let Self { commands, left, right, .. } = self;
        Disagreement { seed, commands, left, right }
    }
}

/// Enough to hide the round trips; each sequence waits for its own only.
const AT_ONCE: usize = 16;
