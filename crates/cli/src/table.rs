//! A CSV file of readings: one time a row, one metric a column.

mod columns;
mod instant;
mod mistake;
mod rows;

pub(crate) use columns::{Assignment, Columns};
pub(crate) use instant::{Fold, Instants};
pub(crate) use mistake::Mistake;
pub(crate) use rows::{Row, Rows};

use std::path::Path;

use anyhow::Context;
use firekeep_telemetry::{DeviceId, TenantId};

/// Whose readings a file holds, and how to understand it.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) tenant: TenantId,
    /// The device of rows that don't name theirs.
    pub(crate) device: Option<DeviceId>,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) instants: Instants,
}

/// A file whose header is understood. It is held as bytes, so that a second pass sees the same
/// rows as the first even if somebody writes to the file in between.
#[derive(Debug)]
pub(crate) struct Table {
    bytes: Vec<u8>,
    columns: Columns,
    reader: Reader,
}

/// What is wrong with a file as a whole: it can't be read, or its header can't be understood.
#[derive(Debug)]
pub(crate) enum Unreadable {
    File(anyhow::Error),
    Header(Mistake),
}

impl Table {
    pub(crate) fn open(path: &Path, reader: Reader) -> Result<Self, Unreadable> {
        let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()));
        Self::new(bytes.map_err(Unreadable::File)?, reader).map_err(Unreadable::Header)
    }

    pub(crate) fn new(bytes: Vec<u8>, reader: Reader) -> Result<Self, Mistake> {
        let columns = Columns::of(&bytes, &reader.assignments)?;
        if reader.device.is_none() && !columns.name_devices() {
            let rule = "a reading needs a device: give --device, or a column `device`";
            return Err(Mistake::at(1, None, rule));
        }
        Ok(Self { bytes, columns, reader })
    }

    /// The rows, in the order of the file. May be asked for repeatedly.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows::new(&self.bytes, &self.columns, &self.reader)
    }
}
