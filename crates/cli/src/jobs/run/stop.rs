//! The wish that the work ends.

use tokio::sync::watch;

/// Asked once, commands are told to end; asked again, they are killed.
#[derive(Debug, Default)]
pub(super) struct Stop(watch::Sender<u32>);

impl Stop {
    /// Asks, more urgently than before.
    pub(super) fn ask(&self) {
        self.0.send_modify(|asked| *asked = asked.saturating_add(1));
    }

    /// Whether it was asked.
    pub(super) fn is_asked(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Completes once it was asked.
    pub(super) async fn asked(&self) {
        self.asked_times(1).await;
    }

    /// Completes once it was asked twice.
    pub(super) async fn urged(&self) {
        self.asked_times(2).await;
    }

    async fn asked_times(&self, times: u32) {
        let mut asked = self.0.subscribe();
        // The sender lives as long as this.
        let _ = asked.wait_for(|asked| *asked >= times).await;
    }
}
