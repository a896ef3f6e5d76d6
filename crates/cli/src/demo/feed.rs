//! What happens while the demo runs.

use std::time::Duration;

use firekeep::Clock;
use firekeep_telemetry::{Invalid, Reading, Telemetry};

use super::building::{Building, STEP};
use super::replay::Replay;
use crate::failure::Failure;

/// The longest the page stands still, however long the gap in a file is.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The shortest pause between two commits to one device; Firestore sustains about one a second.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// A source of readings that does not end.
#[derive(Debug)]
pub(super) enum Feed {
    Building(Building),
    Replay(Replay),
}

impl Feed {
    /// Stores readings as they fall due, `speed` times faster than they were taken, until `stop`
    /// completes. A reading that the store refuses for the moment is logged and left out.
    pub(super) async fn run(
        mut self,
        telemetry: &Telemetry,
        clock: &dyn Clock,
        speed: f64,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        tokio::pin!(stop);
        loop {
            let (readings, gap) = self.next().map_err(|error| Failure::Failed(error.into()))?;
            let step = async {
                clock.sleep(pause(gap, speed)).await;
                if let Err(error) = telemetry.write_batch(&readings).await {
                    tracing::warn!(%error, "readings of the demo are not stored");
                }
            };
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = step => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Vec<Reading>, Duration), Invalid> {
        match self {
            Self::Building(building) => Ok((building.measure()?, STEP)),
            Self::Replay(replay) => replay.advance().map(|(reading, gap)| (vec![reading], gap)),
        }
    }
}

fn pause(gap: Duration, speed: f64) -> Duration {
    gap.div_f64(speed).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_shortened_by_the_speed_and_never_stop_the_page() {
        assert_eq!(pause(Duration::from_secs(60), 60.0), Duration::from_secs(1));
        assert_eq!(pause(Duration::from_secs(86_400), 60.0), LONGEST_PAUSE);
        assert_eq!(pause(Duration::ZERO, 60.0), SHORTEST_PAUSE);
    }
}
