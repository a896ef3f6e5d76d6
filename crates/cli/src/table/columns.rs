//! What the columns of a file mean.

use std::str::FromStr;

use firekeep_telemetry::{Metric, Unit};

use super::Mistake;

/// Columns understood by name, letter case aside.
const KNOWN: &[(&str, &str, Unit)] = &[
    ("temperature", "temperature", Unit::Celsius),
    ("humidity", "humidity", Unit::Percent),
    ("light", "light", Unit::Lux),
    ("co2", "co2", Unit::PartsPerMillion),
    ("humidityratio", "humidity_ratio", Unit::KilogramsPerKilogram),
    ("occupancy", "occupancy", Unit::One),
];

const TIMES: &[&str] = &["date", "time", "datetime", "timestamp", "at"];

/// What one column holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Role {
    Time,
    Device,
    Measured {
        metric: String,
        unit: Unit,
    },
    /// A row number, or a column that the user leaves out.
    Skipped,
}

/// The columns of a file: a name and a role each, in their order in the rows.
#[derive(Clone, Debug)]
pub(crate) struct Columns(Vec<(String, Role)>);

/// What the user says about a column: `NAME=METRIC:UNIT`, or `NAME=-` to leave it out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    column: String,
    role: Role,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (column, meaning) = text.split_once('=').ok_or("expected NAME=METRIC:UNIT")?;
        let column = column.to_owned();
        if meaning == "-" {
            return Ok(Self { column, role: Role::Skipped });
        }
        let (metric, unit) =
            meaning.split_once(':').ok_or("expected NAME=METRIC:UNIT or NAME=-")?;
        Ok(Self { column, role: measured(metric, unit)? })
    }
}

fn measured(metric: &str, unit: &str) -> Result<Role, String> {
    let metric = Metric::new(metric).map_err(|invalid| invalid.to_string())?;
    let unit = unit.parse::<Unit>().map_err(|invalid| invalid.to_string())?;
    Ok(Role::Measured { metric: metric.as_str().to_owned(), unit })
}

impl Columns {
    /// Understands the header of a file, with a look at the first row: a header with one name
    /// fewer than the row has cells leaves out the name of the first column, a row number.
    pub(crate) fn of(bytes: &[u8], assignments: &[Assignment]) -> Result<Self, Mistake> {
        let mut records = super::rows::records(bytes);
        let header = match records.next() {
            Some(Ok(header)) => header,
            Some(Err(mistake)) => return Err(mistake),
            None => return Err(Mistake::at(1, None, "the file is empty: expected a header")),
        };
        let mut columns = vec![];
        let row_cells = records.next().and_then(Result::ok).map(|row| row.cells.len());
        if row_cells == Some(header.cells.len() + 1) {
            columns.push(("row number".to_owned(), Role::Skipped));
        }
        for (index, name) in header.cells.iter().enumerate() {
            let at = |expected: &str| Mistake::at(header.line, Some(name), expected);
            let role = role(name, index, assignments).map_err(|expected| at(&expected))?;
            if role != Role::Skipped && columns.iter().any(|(_, earlier)| same(earlier, &role)) {
                return Err(at("means the same as an earlier column: leave one out"));
            }
            columns.push((name.clone(), role));
        }
        Self(columns).complete(header.line, &header.cells, assignments)
    }

    fn complete(
        self,
        line: u64,
        names: &[String],
        assigned: &[Assignment],
    ) -> Result<Self, Mistake> {
        if let Some(missing) = assigned.iter().find(|a| !names.contains(&a.column)) {
            let rule = "--column names it, but the header does not";
            return Err(Mistake::at(line, Some(&missing.column), rule));
        }
        if !self.0.iter().any(|(_, role)| *role == Role::Time) {
            let rule = format!("the header names no time: expected one of {}", TIMES.join(", "));
            return Err(Mistake::at(line, None, rule));
        }
        if !self.0.iter().any(|(_, role)| matches!(role, Role::Measured { .. })) {
            return Err(Mistake::at(line, None, "the header names no metric"));
        }
        Ok(self)
    }

    pub(crate) fn name_devices(&self) -> bool {
        self.0.iter().any(|(_, role)| *role == Role::Device)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Role)> {
        self.0.iter().map(|(name, role)| (name.as_str(), role))
    }
}

fn same(left: &Role, right: &Role) -> bool {
    match (left, right) {
        (Role::Measured { metric: left, .. }, Role::Measured { metric: right, .. }) => {
            left == right
        }
        _ => left == right,
    }
}

/// What a column means: what the user says, then `NAME [UNIT]`, then the known names.
fn role(name: &str, index: usize, assignments: &[Assignment]) -> Result<Role, String> {
    if let Some(assignment) = assignments.iter().find(|assignment| assignment.column == name) {
        return Ok(assignment.role.clone());
    }
    let lower = name.trim().to_lowercase();
    if lower.is_empty() && index == 0 {
        return Ok(Role::Skipped);
    }
    if TIMES.contains(&lower.as_str()) {
        return Ok(Role::Time);
    }
    if lower == "device" {
        return Ok(Role::Device);
    }
    if let Some((metric, unit)) =
        name.trim().strip_suffix(']').and_then(|name| name.split_once('['))
    {
        return measured(&metric.trim().to_lowercase().replace([' ', '-'], "_"), unit.trim());
    }
    let known = KNOWN.iter().find(|(known, ..)| *known == lower);
    known
        .map(|(_, metric, unit)| Role::Measured { metric: (*metric).to_owned(), unit: *unit })
        .ok_or_else(|| {
            "its metric and unit are unknown: say --column NAME=METRIC:UNIT, or NAME=- to leave it out".into()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str, assignments: &[&str]) -> Result<Vec<(String, Role)>, String> {
        let assignments: Vec<_> = assignments.iter().map(|a| a.parse().unwrap()).collect();
        Columns::of(text.as_bytes(), &assignments).map(|c| c.0).map_err(|m| m.to_string())
    }

    #[test]
    fn a_header_with_one_name_too_few_leaves_out_the_row_number() {
        let shifted = columns("\"date\",\"CO2\"\n\"1\",2015-02-11 14:48:00,700\n", &[]).unwrap();
        assert_eq!(shifted.len(), 3);
        assert_eq!(shifted[0].1, Role::Skipped);
        assert_eq!(shifted[1], ("date".into(), Role::Time));
        let complete = columns("\"\",\"date\",\"CO2\"\n\"1\",x,700\n", &[]).unwrap();
        assert_eq!(complete[0].1, Role::Skipped);
        let plain = columns("date,CO2\nx,700\n", &[]).unwrap();
        assert_eq!(plain.len(), 2);
    }

    #[test]
    fn units_come_from_the_user_the_header_or_the_known_names() {
        let power = Role::Measured { metric: "power".into(), unit: Unit::Kilowatt };
        assert_eq!(columns("at,P\n", &["P=power:kW"]).unwrap()[1].1, power);
        assert_eq!(columns("at,Power [kW]\n", &[]).unwrap()[1].1, power);
        assert_eq!(columns("at,P,light\n", &["P=-"]).unwrap()[1].1, Role::Skipped);
    }

    #[test]
    fn a_header_that_can_not_be_understood_is_named_by_column() {
        for (text, expected) in [
            ("", "line 1: the file is empty"),
            ("CO2\n", "line 1: the header names no time"),
            ("date\n", "line 1: the header names no metric"),
            ("date,P\n", "line 1, column `P`: its metric and unit are unknown"),
            ("date,P [furlong]\n", "line 1, column `P [furlong]`: `unit`: unknown unit"),
            ("date,CO2,co2\n", "line 1, column `co2`: means the same"),
            ("date,time,CO2\n", "line 1, column `time`: means the same"),
        ] {
            let mistake = columns(text, &[]).unwrap_err();
            assert!(mistake.starts_with(expected), "{text:?}: {mistake}");
        }
        let mistake = columns("date,CO2\n", &["P=power:kW"]).unwrap_err();
        assert!(mistake.contains("--column names it"), "{mistake}");
    }

    #[test]
    fn an_assignment_with_an_unknown_unit_is_refused() {
        for bad in ["P", "P=power", "P=power:furlong", "P=Power:kW"] {
            assert!(bad.parse::<Assignment>().is_err(), "{bad}");
        }
    }
}
