//! A board on a terminal, drawn over itself as it changes.

use std::time::Duration;

use console::Term;
use firekeep::jobs::{Board, Error, Observer, Scope, Status, Tag};
use firekeep::{Clock, SystemClock};

use super::frame::View;
use super::pace::Pace;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::jobs::failure;

/// The shortest time between two pictures.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest: the rate and the rest of the time change by themselves.
const LONGEST: Duration = Duration::from_secs(1);

pub(super) async fn follow(
    observer: &Observer,
    scope: Scope,
    mut interrupt: Interrupt,
) -> Result<(), Failure> {
    let mut screen = Screen::new(observer, scope).map_err(failure)?;
    let term = Term::stdout();
    let mut drawn = 0;
    let _ = term.hide_cursor();
    let ended = loop {
        let changed = tokio::select! {
            changed = screen.changed() => changed,
            () = interrupt.wait() => break Ok(()),
        };
        // At its end, the last picture stays.
        let (rows, columns) = term.size();
        let picture = match changed.and_then(|()| screen.view()) {
            Ok(view) => view.draw(rows.into(), columns.into()),
            Err(error) => break Err(error),
        };
        let written =
            term.clear_last_lines(drawn).and_then(|()| term.write_line(&picture.join("\n")));
        if written.is_err() {
            // The terminal is gone.
            break Ok(());
        }
        drawn = picture.len();
    };
    let _ = term.show_cursor();
    ended.map_err(failure)
}

/// What is looked at.
struct Screen {
    board: Board,
    scope: Scope,
    pace: Pace,
    is_ready: bool,
}

impl Screen {
    fn new(observer: &Observer, scope: Scope) -> Result<Self, Error> {
        let board = observer.board()?;
        // A scope that the job lacks is told before the screen is touched.
        board.aggregate(&scope)?;
        Ok(Self { board, scope, pace: Pace::default(), is_ready: false })
    }

    /// Completes when there is something new to draw, soon enough and not too soon.
    async fn changed(&mut self) -> Result<(), Error> {
        if !self.is_ready {
            self.is_ready = true;
            return self.board.changed().await;
        }
        SystemClock.sleep(SHORTEST).await;
        tokio::select! {
            changed = self.board.changed() => changed,
            () = SystemClock.sleep(LONGEST) => Ok(()),
        }
    }

    fn view(&mut self) -> Result<View, Error> {
        let whole = self.board.aggregate(&self.scope)?;
        let counts = whole.histogram.clone().unwrap_or_default();
        let (now, done) = (SystemClock.monotonic(), counts.count(Status::FINISHED));
        self.pace.note(now, done);
        let observer = self.board.observer();
        let tags = self.tags().into_iter().map(|tag| {
            let total = self.board.aggregate(&Scope::Tag(tag.clone()))?;
            Ok((tag, total))
        });
        Ok(View {
            job: observer.id().clone(),
            tasks: match &self.scope {
                Scope::Job | Scope::Tag(_) => (0..observer.tasks()).collect(),
                Scope::Task(task) => vec![*task],
                Scope::Cell(key) => vec![key.task],
            },
            tags: tags.collect::<Result<_, Error>>()?,
            states: self.board.states(&self.scope),
            rate: self.pace.rate(now),
            left: self.pace.left(now, counts.total().saturating_sub(done)),
            whole,
        })
    }

    fn tags(&self) -> Vec<Tag> {
        match &self.scope {
            Scope::Job | Scope::Task(_) => self.board.tags(),
            Scope::Tag(tag) => vec![tag.clone()],
            Scope::Cell(key) => vec![key.tag.clone()],
        }
    }
}
