//! What is held, kept at hand while somebody asks.
//!
//! However many pages are open, the store is asked once. The watch behind it ends some minutes after
//! the last question, and stays within an allowance of billed reads at any rate of locking.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use firekeep_core::{Backoff, Clock};
use firekeep_lock::{Locks, Page};
use futures::future::{Either, select};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{LockJson, LockList};
use crate::budget::Budget;
use crate::problem::{Answer, Kind, Problem};

/// The most documents in view.
const LIMIT: u32 = 100;
/// How long the first question waits for an answer.
const FIRST: Duration = Duration::from_secs(10);
/// What following the locks may cost: 200 reads at once, so that a full view is there at once, and 10 a
/// second.
const BURST: u32 = 200;
const EARN: Duration = Duration::from_millis(100);

/// The latest state, or why there is none.
#[derive(Clone, Debug)]
enum Board {
    Connecting,
    Known { page: Arc<Page>, at: Instant },
    Failed(Problem),
}

/// The locks that are held, followed while somebody asks.
#[derive(Debug)]
pub(crate) struct LockBoard {
    locks: Locks,
    clock: Arc<dyn Clock>,
    linger: Duration,
    shared: Arc<Mutex<Shared>>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    running: Option<Running>,
    is_closed: bool,
}

#[derive(Debug)]
struct Running {
    board: watch::Receiver<Board>,
    asked: Instant,
}

impl LockBoard {
    pub(crate) fn new(locks: Locks, clock: Arc<dyn Clock>, linger: Duration) -> Self {
        Self { locks, clock, linger, shared: Arc::default(), tasks: Mutex::default() }
    }

    pub(crate) fn locks(&self) -> &Locks {
        &self.locks
    }

    /// What is held now.
    pub(crate) async fn get(&self) -> Answer<LockList> {
        let mut board = self.join()?;
        let known = board.wait_for(|board| !matches!(board, Board::Connecting));
        let known = select(Box::pin(known), self.clock.sleep(FIRST)).await;
        let board = match known {
            Either::Left((Ok(board), _)) => board.clone(),
            Either::Left((Err(_), _)) => return Err(closing()),
            Either::Right(_) => Board::Connecting,
        };
        match board {
            Board::Known { page, at } => Ok(self.list(&page, at)),
            Board::Failed(problem) => Err(problem),
            Board::Connecting => {
                Err(Problem::new(Kind::Unavailable, "the locks could not be read in time"))
            }
        }
    }

    fn list(&self, page: &Page, at: Instant) -> LockList {
        let age = self.clock.monotonic().saturating_duration_since(at);
        let locks = page.locks.iter().filter_map(|info| LockJson::after(info, age)).collect();
        LockList { locks, complete: page.next.is_none() }
    }

    /// Follows, if nobody does yet.
    fn join(&self) -> Answer<watch::Receiver<Board>> {
        let mut shared = lock(&self.shared);
        if shared.is_closed {
            return Err(closing());
        }
        let now = self.clock.monotonic();
        if let Some(running) = &mut shared.running {
            running.asked = now;
            return Ok(running.board.clone());
        }
        let (tell, board) = watch::channel(Board::Connecting);
        let follower = Follower {
            locks: self.locks.clone(),
            clock: Arc::clone(&self.clock),
            linger: self.linger,
            shared: Arc::clone(&self.shared),
            tell,
        };
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(follower.run());
        shared.running = Some(Running { board: board.clone(), asked: now });
        Ok(board)
    }

    /// Ends the watch and lets no new one start.
    pub(crate) fn close(&self) {
        let mut shared = lock(&self.shared);
        (shared.is_closed, shared.running) = (true, None);
        lock(&self.tasks).abort_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closing() -> Problem {
    Problem::new(Kind::Closing, "the locks are no longer followed")
}

/// The task behind the board.
struct Follower {
    locks: Locks,
    clock: Arc<dyn Clock>,
    linger: Duration,
    shared: Arc<Mutex<Shared>>,
    tell: watch::Sender<Board>,
}

impl Follower {
    async fn run(self) {
        let deserted = self.deserted();
        let following = self.follow();
        futures::pin_mut!(deserted, following);
        select(deserted, following).await;
    }

    /// Completes, and leaves, once nobody has asked for a while.
    async fn deserted(&self) {
        loop {
            let rest = {
                let mut shared = lock(&self.shared);
                let Some(running) = &shared.running else { return };
                let since = self.clock.monotonic().saturating_duration_since(running.asked);
                match self.linger.checked_sub(since).filter(|rest| !rest.is_zero()) {
                    Some(rest) => rest,
                    None => {
                        shared.running = None;
                        return;
                    }
                }
            };
            self.clock.sleep(rest).await;
        }
    }

    async fn follow(&self) {
        let mut budget = Budget::of(Arc::clone(&self.clock), BURST, EARN);
        let Ok(mut held) = self.locks.watch(LIMIT) else { return };
        let mut failures = 0;
        loop {
            if let Some(wait) = budget.wait() {
                held.pause();
                self.clock.sleep(wait).await;
                continue;
            }
            match held.next().await {
                Ok(page) => {
                    failures = 0;
                    let known = Board::Known { page: page.into(), at: self.clock.monotonic() };
                    self.tell.send_replace(known);
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(failures, %error, "the locks can't be followed; connecting again");
                    self.fail(error);
                    self.clock.sleep(Backoff::default().delay(failures, None)).await;
                }
            }
            budget.spend(held.take_billed_reads());
        }
    }

    /// Says what went wrong, unless there is something to show meanwhile.
    fn fail(&self, error: firekeep_lock::Error) {
        self.tell.send_if_modified(|board| {
            let is_news = !matches!(board, Board::Known { .. });
            if is_news {
                *board = Board::Failed(error.into());
            }
            is_news
        });
    }
}
