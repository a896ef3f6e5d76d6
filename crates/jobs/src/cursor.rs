//! A place in a stream of states that another process can go on from.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firekeep_core::Timestamp;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::observer::Opened;
use crate::state::Run;

/// Up to when a subscriber has been told everything: of one job, and one incarnation of it.
///
/// Its text is 43 characters of `A-Z a-z 0-9 - _`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    job: JobHash,
    run: Run,
    time: Timestamp,
}

/// Which job of which database: the head of a digest of both names.
type JobHash = [u8; 11];

const LAYOUT: u8 = 1;
const CHECK: usize = 4;
const LENGTH: usize = 1 + 11 + 8 + 8 + CHECK;

impl Cursor {
    pub(crate) fn new(opened: &Opened, time: Timestamp) -> Self {
        Self { job: hash(opened), run: opened.record.run, time }
    }

    /// Up to when everything was told, by the store's clock.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Which incarnation of the job it is of.
    pub fn run(&self) -> Run {
        self.run
    }

    pub(crate) fn at(self, time: Timestamp) -> Self {
        Self { time: time.max(self.time), ..self }
    }

    /// Checks that this is a place in the streams of `opened`.
    pub(crate) fn check(&self, opened: &Opened) -> Result<()> {
        if self.job != hash(opened) {
            return Err(Error::invalid("cursor", format!("is not one of job `{}`", opened.id)));
        }
        if self.run != opened.record.run {
            let reason = format!("job `{}` was created anew since", opened.id);
            return Err(Error::CursorTooOld(reason));
        }
        Ok(())
    }
}

fn hash(opened: &Opened) -> JobHash {
    let database = opened.jobs.db.store().info().database;
    let digest = Sha256::new()
        .chain_update(database.as_bytes())
        .chain_update([0])
        .chain_update(opened.place.job.as_str());
    head(&digest.finalize())
}

fn head<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default())
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(LAYOUT);
        bytes.extend(self.job);
        bytes.extend(self.run.created().as_micros().to_be_bytes());
        bytes.extend(self.time.as_micros().to_be_bytes());
        bytes.extend(head::<CHECK>(&Sha256::digest(&bytes)));
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({self})")
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let malformed = || Error::invalid("cursor", "is malformed; give the text of a cursor");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        let (body, check) = bytes.split_at_checked(LENGTH - CHECK).ok_or_else(malformed)?;
        if body[0] != LAYOUT || check != head::<CHECK>(&Sha256::digest(body)) {
            return Err(malformed());
        }
        let time = |at: usize| {
            let micros = i64::from_be_bytes(head(&body[at..]));
            Timestamp::from_micros(micros).map_err(|_| malformed())
        };
        Ok(Self { job: head(&body[1..]), run: Run::new(time(12)?), time: time(20)? })
    }
}
