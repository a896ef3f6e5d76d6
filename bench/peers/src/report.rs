//! The table and the JSON.

use serde::Serialize;

/// One figure: a ratio within this run, and the bar that it is held against.
#[derive(Debug, Serialize)]
pub struct Row {
    pub group: &'static str,
    pub case: String,
    pub figure: &'static str,
    pub ratio: f64,
    pub bar: Bar,
    /// What the ratio is made of, for the reader's sense of scale only.
    pub context: String,
}

/// What a ratio must reach.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    AtLeast(f64),
    AtMost(f64),
    /// Nothing: the figure is told, and held against no bar.
    None,
}

impl Row {
    pub fn met(&self) -> bool {
        match self.bar {
            Bar::AtLeast(bar) => self.ratio >= bar,
            Bar::AtMost(bar) => self.ratio <= bar,
            Bar::None => true,
        }
    }
}

/// Prints the rows as a table.
pub fn print(rows: &[Row]) {
    println!(
        "{:<10} {:<34} {:<22} {:>8}  {:<8} {:<5} context",
        "group", "case", "figure", "ratio", "bar", "met"
    );
    for row in rows {
        let bar = match row.bar {
            Bar::AtLeast(bar) => format!("≥ {bar}"),
            Bar::AtMost(bar) => format!("≤ {bar}"),
            Bar::None => "—".to_owned(),
        };
        let met = match row.bar {
            Bar::None => "",
            _ if row.met() => "PASS",
            _ => "FAIL",
        };
        println!(
            "{:<10} {:<34} {:<22} {:>8.3}  {bar:<8} {met:<5} {}",
            row.group, row.case, row.figure, row.ratio, row.context
        );
    }
}

/// The rows as JSON, with whether each met its bar.
pub fn json(rows: &[Row]) -> serde_json::Value {
    rows.iter()
        .map(|row| {
            let mut value = serde_json::to_value(row).unwrap_or_default();
            value["met"] = row.met().into();
            value
        })
        .collect()
}
