use firekeep_telemetry::TenantId;
use jiff::tz::TimeZone;

use super::*;
use crate::table::{Fold, Instants, Table};

fn reader(device: Option<&str>) -> Reader {
    Reader {
        tenant: TenantId::new("demo").unwrap(),
        device: device.map(|device| DeviceId::new(device).unwrap()),
        assignments: vec![],
        instants: Instants { zone: TimeZone::UTC, fold: Fold::Refuse },
    }
}

fn rows(text: &[u8]) -> Vec<Result<Row, String>> {
    let table = Table::new(text.to_vec(), reader(Some("room"))).unwrap();
    table.rows().map(|row| row.map_err(|mistake| mistake.to_string())).collect()
}

fn readings(text: &str) -> Vec<Reading> {
    rows(text.as_bytes()).into_iter().map(|row| row.unwrap().reading).collect()
}

#[test]
fn both_quirks_are_read_right() {
    let quoted = "\"date\",\"Temperature\"\n\"140\",\"2015-02-02 14:19:00\",23.7\n";
    let bare = "\"date\",\"Temperature\"\n\"1\",2015-02-02 14:19:00,23.7\n";
    let (quoted, bare) = (readings(quoted), readings(bare));
    assert_eq!(quoted, bare);
    assert_eq!(quoted[0].at().to_string(), "2015-02-02T14:19:00.000000Z");
    let temperature = quoted[0].value("temperature").unwrap();
    assert_eq!((temperature.value(), temperature.unit().symbol()), (23.7, "°C"));
}

#[test]
fn windows_line_ends_a_byte_order_mark_and_empty_lines_change_nothing() {
    let text = "\u{feff}date,CO2\r\n\r\n2015-02-02 14:19:00,700\r\n";
    assert_eq!(readings(text), readings("date,CO2\n2015-02-02 14:19:00,700\n"));
}

#[test]
fn an_empty_cell_was_not_measured_but_an_empty_row_is_bad() {
    let found = rows(b"date,CO2,Light\n2015-02-02 14:19:00,,5\n2015-02-02 14:20:00,,\n");
    assert_eq!(found[0].as_ref().unwrap().reading.values().len(), 1);
    let mistake = found[1].as_ref().unwrap_err();
    assert!(mistake.starts_with("line 3: `values`: must hold 1 to"), "{mistake}");
}

#[test]
fn every_bad_row_names_line_column_and_rule_and_never_its_text() {
    let time = "2015-02-02 14:19:00";
    for (row, expected) in [
        (time.to_owned(), "line 2: expected 2 cells, found 1"),
        (format!("{time},\"1\n{time},2\n"), "line 2, column `CO2`: expected a finite number"),
        (format!("\"{time},1\n{time},2\n"), "line 2: expected 2 cells, found 1; is a quote"),
        (format!("{time},secret"), "line 2, column `CO2`: expected a finite number"),
        (format!("{time},NaN"), "line 2, column `CO2`: expected a finite number"),
        ("14:19,1".into(), "line 2, column `date`: expected a time"),
    ] {
        let found = rows(format!("date,CO2\n{row}\n").as_bytes());
        let found = found[0].as_ref().unwrap_err();
        assert!(found.starts_with(expected), "{row:?}: {found}");
        assert!(!found.contains("secret"));
    }
}

#[test]
fn a_cell_too_many_in_a_later_row_is_found() {
    let found = rows(b"date,CO2\n2015-02-02 14:19:00,1\n2015-02-02 14:20:00,1,2\n");
    assert!(found[0].is_ok());
    assert_eq!(found[1].as_ref().unwrap_err(), "line 3: expected 2 cells, found 3");
}

#[test]
fn text_that_is_not_utf_8_is_named_by_line_and_cell() {
    let found = rows(b"date,CO2\n2015-02-02 14:19:00,1\n2015-02-02 14:20:00,\xff\n");
    assert_eq!(found[1].as_ref().unwrap_err(), "line 3: cell 2 is not UTF-8");
}

#[test]
fn a_reading_without_a_device_is_refused() {
    let text = b"date,CO2\n2015-02-02 14:19:00,1\n".to_vec();
    let mistake = Table::new(text, reader(None)).unwrap_err();
    assert!(mistake.to_string().contains("a reading needs a device: give --device"));
    let text = b"device,date,CO2\na,2015-02-02 14:19:00,1\n,2015-02-02 14:19:00,1\n".to_vec();
    let table = Table::new(text, reader(None)).unwrap();
    let found: Vec<_> = table.rows().collect();
    assert_eq!(found[0].as_ref().unwrap().reading.device().as_str(), "a");
    let mistake = found[1].as_ref().unwrap_err().to_string();
    assert!(mistake.starts_with("line 3: a reading needs a device"), "{mistake}");
}

#[test]
fn two_rows_of_one_instant_are_two_readings_and_the_same_row_twice_is_one() {
    let found = readings(
        "date,CO2\n2015-02-02 14:19:00,1\n2015-02-02 14:19:00,2\n2015-02-02 14:19:00,1\n\
         2015-02-02 14:20:00,1\n",
    );
    let ids: std::collections::BTreeSet<_> = found.iter().map(Reading::id).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(found[0].id(), found[2].id());
}
