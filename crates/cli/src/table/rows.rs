//! The rows of a file as readings.

use firekeep::Timestamp;
use firekeep_telemetry::{DeviceId, Reading};

use super::columns::{Columns, Role};
use super::{Mistake, Reader};

/// A row that is understood.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its line in the file, counted from 1.
    pub(crate) line: u64,
    pub(crate) reading: Reading,
}

/// The rows of a file in its order; a bad row does not end them.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    records: Records<'a>,
    columns: &'a Columns,
    reader: &'a Reader,
    twins: Twins,
}

impl<'a> Rows<'a> {
    pub(super) fn new(bytes: &'a [u8], columns: &'a Columns, reader: &'a Reader) -> Self {
        let mut records = records(bytes);
        // The header is understood already.
        records.next();
        Self { records, columns, reader, twins: Twins::default() }
    }

    fn row(&mut self, record: &Record) -> Result<Row, Mistake> {
        let line = record.line;
        if record.cells.len() != self.columns.len() {
            let (has, expected) = (record.cells.len(), self.columns.len());
            let open = record.cells.iter().any(|cell| cell.contains('\n'));
            let hint = if open { "; is a quote left open?" } else { "" };
            let rule = format!("expected {expected} cells, found {has}{hint}");
            return Err(Mistake::at(line, None, rule));
        }
        let cells = Cells::of(self.columns, record, self.reader)?;
        let reading = self.reading(&cells).map_err(|rule| Mistake::at(line, None, rule))?;
        Ok(Row { line, reading })
    }

    fn reading(&mut self, cells: &Cells<'_>) -> Result<Reading, String> {
        let device = cells.device.clone().or_else(|| self.reader.device.clone());
        let device = device
            .ok_or("a reading needs a device: the cell is empty, and no --device is given")?;
        let at = cells.at.ok_or("expected a time")?;
        let make = |key: &str| {
            let start = Reading::builder(self.reader.tenant.clone(), device.clone(), at);
            let values = cells.values.iter();
            let builder =
                values.fold(start, |b, (metric, value, role)| b.value(metric, *value, *role));
            builder.source_key(key).build().map_err(|invalid| invalid.to_string())
        };
        self.twins.tell_apart(make)
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, Mistake>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next()?;
        Some(record.and_then(|record| self.row(&record)))
    }
}

/// The cells of a row by their meaning. An empty measurement was not taken.
#[derive(Debug, Default)]
struct Cells<'a> {
    at: Option<Timestamp>,
    device: Option<DeviceId>,
    values: Vec<(&'a str, f64, firekeep_telemetry::Unit)>,
}

impl<'a> Cells<'a> {
    fn of(columns: &'a Columns, record: &Record, reader: &Reader) -> Result<Self, Mistake> {
        let mut cells = Self::default();
        for ((name, role), cell) in columns.iter().zip(&record.cells) {
            let cell = cell.trim();
            cells
                .take(role, cell, reader)
                .map_err(|expected| Mistake::at(record.line, Some(name), expected))?;
        }
        Ok(cells)
    }

    fn take(&mut self, role: &'a Role, cell: &str, reader: &Reader) -> Result<(), String> {
        match role {
            Role::Skipped => {}
            Role::Time => self.at = Some(reader.instants.parse(cell)?),
            Role::Device if cell.is_empty() => {}
            Role::Device => {
                let device = DeviceId::new(cell).map_err(|invalid| invalid.rule)?;
                self.device = Some(device);
            }
            Role::Measured { .. } if cell.is_empty() => {}
            Role::Measured { metric, unit } => {
                let value = cell.parse::<f64>().ok().filter(|value| value.is_finite());
                self.values.push((metric, value.ok_or("expected a finite number")?, *unit));
            }
        }
        Ok(())
    }
}

/// Tells apart neighbouring rows of one device and one instant, as a sensor that is faster than
/// its log's clock leaves them. The same row twice stays one reading.
#[derive(Debug, Default)]
struct Twins(Vec<Reading>);

impl Twins {
    fn tell_apart(
        &mut self,
        make: impl Fn(&str) -> Result<Reading, String>,
    ) -> Result<Reading, String> {
        let reading = make("")?;
        let is_twin =
            |first: &Reading| first.at() == reading.at() && first.device() == reading.device();
        if !self.0.first().is_some_and(is_twin) {
            self.0.clear();
        }
        if let Some(same) = self.0.iter().find(|twin| twin.values() == reading.values()) {
            return Ok(same.clone());
        }
        let reading = if self.0.is_empty() { reading } else { make(&self.0.len().to_string())? };
        self.0.push(reading.clone());
        Ok(reading)
    }
}

/// One record of the file, whatever it means.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Records<'a>(csv::Reader<&'a [u8]>);

/// The records of a file, its header included. Empty lines are none.
pub(super) fn records(bytes: &[u8]) -> Records<'_> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Records(csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes))
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Mistake>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut raw = csv::ByteRecord::new();
        let line = self.0.position().line();
        match self.0.read_byte_record(&mut raw) {
            Ok(false) => None,
            Ok(true) => Some(decode(&raw)),
            Err(error) => Some(Err(Mistake::at(line, None, format!("not CSV: {error}")))),
        }
    }
}

fn decode(raw: &csv::ByteRecord) -> Result<Record, Mistake> {
    let line = raw.position().map_or(0, csv::Position::line);
    let cells = raw.iter().enumerate().map(|(index, cell)| {
        let rule = || Mistake::at(line, None, format!("cell {} is not UTF-8", index + 1));
        std::str::from_utf8(cell).map(str::to_owned).map_err(|_| rule())
    });
    Ok(Record { line, cells: cells.collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests;
