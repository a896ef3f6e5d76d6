//! What an ingestion did.

use std::fmt;
use std::path::Path;

use firekeep_telemetry::{BatchReport, Reading};
use serde::Serialize;

use crate::output::count;
use crate::table::Mistake;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    file: String,
    dry_run: bool,
    /// Readings that the file holds and that are stored now, or would be.
    pub(super) readings: u64,
    /// Of these, how many are new.
    created: u64,
    /// Of these, how many were stored before.
    unchanged: u64,
    /// Lines that were left out.
    left_out: Vec<Mistake>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

impl Report {
    pub(super) fn new(file: &Path, left_out: Vec<Mistake>, dry_run: bool) -> Self {
        let file = file.display().to_string();
        Self {
            file,
            dry_run,
            readings: 0,
            created: 0,
            unchanged: 0,
            left_out,
            first: None,
            last: None,
        }
    }

    pub(super) fn add(&mut self, stored: BatchReport, readings: &[Reading]) {
        self.readings += readings.len() as u64;
        self.created += stored.created as u64;
        self.unchanged += stored.unchanged as u64;
        // RFC 3339 with a fixed number of digits sorts as text.
        let instants = readings.iter().map(|reading| reading.at().to_string());
        self.first = instants.clone().chain(self.first.take()).min();
        self.last = instants.chain(self.last.take()).max();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readings = count(self.readings);
        if self.dry_run {
            write!(f, "{}: {readings} readings; nothing was written", self.file)?;
        } else {
            write!(f, "{}: {readings} readings are stored: ", self.file)?;
            write!(f, "{} new, {} known before", count(self.created), count(self.unchanged))?;
        }
        if let (Some(first), Some(last)) = (&self.first, &self.last) {
            write!(f, "; {first} to {last}")?;
        }
        if !self.left_out.is_empty() {
            write!(f, "; {} bad lines left out", count(self.left_out.len() as u64))?;
        }
        Ok(())
    }
}
