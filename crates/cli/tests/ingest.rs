//! `firekeep ingest` against a service, with files that are right and files that are not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use program::{Service, data, file, firekeep, run, signal};

fn ingest(service: &Service, path: &str, more: &[&str]) -> program::Outcome {
    let args = ["ingest", path, "--server", &service.url, "--json"];
    run(&[&args[..], more].concat())
}

#[test]
fn both_quirks_are_read_right_and_a_second_run_stores_nothing_twice() {
    let service = Service::start(&["serve"]);
    for (name, device, at, temperature) in [
        ("quoted.csv", "a", "2015-02-02T14:19:00.000000Z", 23.7),
        ("unquoted.csv", "b", "2015-02-11T14:48:00.000000Z", 21.76),
    ] {
        let first = ingest(&service, &data(name), &["--device", device]);
        assert_eq!(first.code, Some(0), "{first:?}");
        let report = first.json();
        assert_eq!((report["readings"].as_u64(), report["created"].as_u64()), (Some(60), Some(60)));
        assert_eq!(report["first"], at);
        let again = ingest(&service, &data(name), &["--device", device]).json();
        assert_eq!((again["created"].as_u64(), again["unchanged"].as_u64()), (Some(0), Some(60)));
        let readings = service.last(device, 100);
        assert_eq!(readings.len(), 60);
        let oldest = &readings[59];
        assert_eq!(oldest["at"], at);
        let values = oldest["values"].as_object().unwrap();
        let metrics: Vec<_> = values.keys().map(String::as_str).collect();
        let expected = ["co2", "humidity", "humidity_ratio", "light", "occupancy", "temperature"];
        assert_eq!(metrics, expected);
        assert_eq!(values["temperature"]["value"], temperature);
        assert_eq!(values["temperature"]["unit"], "°C");
    }
}

#[test]
fn times_are_civil_times_of_the_zone() {
    let service = Service::start(&["serve"]);
    let more = ["--device", "a", "--timezone", "Europe/Brussels"];
    let report = ingest(&service, &data("quoted.csv"), &more).json();
    assert_eq!(report["first"], "2015-02-02T13:19:00.000000Z");
}

const BAD: &str = "date,CO2\n2015-02-02 14:19:00,700\n2015-02-02 14:20:00\n2015-02-02 14:21:00,much\n\
                   yesterday,700\n2015-02-02 14:22:00,701\n";

#[test]
fn one_bad_line_keeps_the_whole_file_out_and_each_is_named() {
    let service = Service::start(&["serve"]);
    let path = file("bad.csv", BAD);
    let outcome = run(&["ingest", &path, "--device", "a", "--server", &service.url]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), ""));
    let expected = format!(
        "error: 3 bad lines in {path}; nothing was written\n  \
         line 3: expected 2 cells, found 1\n  \
         line 4, column `CO2`: expected a finite number\n  \
         line 5, column `date`: expected a time as `2015-02-02 14:19:00` or RFC 3339\n\
         correct them, or leave them out with --skip-bad\n"
    );
    assert_eq!(outcome.stderr, expected);
    assert!(service.last("a", 10).is_empty());
}

#[test]
fn bad_lines_are_left_out_when_asked_and_still_named() {
    let service = Service::start(&["serve"]);
    let outcome = ingest(&service, &file("skipped.csv", BAD), &["--device", "a", "--skip-bad"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let report = outcome.json();
    assert_eq!(report["readings"], 2);
    let lines: Vec<_> = report["left_out"].as_array().unwrap().iter().map(|m| &m["line"]).collect();
    assert_eq!(lines, [3, 4, 5]);
    assert_eq!(service.last("a", 10).len(), 2);
}

#[test]
fn mistakes_are_json_when_asked() {
    let outcome = run(&["ingest", &file("json.csv", BAD), "--device", "a", "--dry-run", "--json"]);
    let error = outcome.error();
    assert_eq!((outcome.code, &error["kind"]), (Some(3), &"input".into()));
    assert_eq!(error["mistakes"][1]["column"], "CO2");
    assert_eq!(error["mistakes"][1]["line"], 4);
}

#[test]
fn an_unknown_unit_is_refused_wherever_it_stands() {
    let path = file("unit.csv", "date,Power [furlong]\n2015-02-02 14:19:00,1\n");
    let outcome = run(&["ingest", &path, "--device", "a", "--dry-run"]);
    assert_eq!(outcome.code, Some(3));
    assert!(
        outcome.stderr.contains("line 1, column `Power [furlong]`: `unit`: unknown unit"),
        "{outcome:?}"
    );
    let path = file("column.csv", "date,P\n2015-02-02 14:19:00,1\n");
    let outcome =
        run(&["ingest", &path, "--device", "a", "--dry-run", "--column", "P=power:furlong"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("unknown unit"), "{outcome:?}");
    let outcome = run(&["ingest", &path, "--device", "a", "--dry-run", "--column", "P=power:kW"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_reading_without_a_device_is_refused() {
    let outcome = run(&["ingest", &data("quoted.csv"), "--dry-run"]);
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.stderr.contains("a reading needs a device: give --device"), "{outcome:?}");
    let path = file("device.csv", "device,date,CO2\n,2015-02-02 14:19:00,1\n");
    let outcome = run(&["ingest", &path, "--dry-run"]);
    assert!(outcome.stderr.contains("line 2: a reading needs a device"), "{outcome:?}");
}

#[test]
fn a_file_that_is_not_there_is_bad_input_and_a_wrong_option_bad_usage() {
    let code = |args: &[&str]| run(args).code;
    assert_eq!(code(&["ingest", "no-such-file.csv", "--device", "a"]), Some(3));
    assert_eq!(code(&["ingest", &data("quoted.csv"), "--device", "a/b"]), Some(2));
    assert_eq!(
        code(&["ingest", &data("quoted.csv"), "--device", "a", "--timezone", "Mars"]),
        Some(2)
    );
    let memory = run(&["ingest", &data("quoted.csv"), "--device", "a", "--store", "memory"]);
    assert_eq!(memory.code, Some(2));
    assert!(memory.stderr.contains("a store in memory ends with this command"), "{memory:?}");
}

#[test]
fn nobody_listening_is_a_failure_that_says_what_to_start() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let outcome = run(&["ingest", &data("quoted.csv"), "--device", "a", "--server", &url]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("stopped before anything was confirmed"), "{outcome:?}");
    assert!(outcome.stderr.contains("start `firekeep serve` there"), "{outcome:?}");
}

/// Reads one request with its body.
fn read_request(stream: &mut TcpStream) -> String {
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
            });
            if length.is_none_or(|length| body.len() >= length) {
                return text;
            }
        }
        assert_ne!(read, 0, "the request broke off");
    }
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

/// A file of `count` readings, a minute apart.
fn long_file(name: &str, count: usize) -> String {
    let rows = (0..count).map(|n| format!("2015-02-02 {:02}:{:02}:00,{n}\n", n / 60, n % 60));
    file(name, format!("date,CO2\n{}", rows.collect::<String>()))
}

#[test]
fn a_run_that_breaks_off_says_what_is_stored_and_how_to_go_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let path = long_file("long.csv", 600);
    let service = std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        let request = read_request(&mut first);
        assert!(request.starts_with("POST /v1/tenants/demo/devices/a/readings "), "{request}");
        answer(&mut first, "201 Created", r#"{"created":499,"unchanged":0,"ids":[]}"#);
        let (mut second, _) = listener.accept().unwrap();
        read_request(&mut second);
        answer(
            &mut second,
            "409 Conflict",
            r#"{"detail":"the id is taken","hint":"give another"}"#,
        );
    });
    let outcome = run(&["ingest", &path, "--device", "a", "--server", &url]);
    service.join().unwrap();
    assert_eq!(outcome.code, Some(1));
    for part in [
        "everything up to line 500 is stored",
        "--from-line 501",
        "answered 409",
        "the id is taken (give another)",
    ] {
        assert!(outcome.stderr.contains(part), "{outcome:?}");
    }
}

#[test]
fn ctrl_c_ends_it_at_once_and_says_how_to_go_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let args = ["ingest", &data("quoted.csv"), "--device", "a", "--server", &url];
    let child = firekeep(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The service takes the request and stays silent.
    let (mut held, _) = listener.accept().unwrap();
    read_request(&mut held);
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("stopped before anything was confirmed; run the same command again"),
        "{stderr}"
    );
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    for args in [vec!["ingest", &data("quoted.csv"), "--device", "a", "--dry-run"], vec!["--help"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = firekeep(&args).stdout(writer).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

/// The whole files, where the folder with shared data stands beside the repository.
#[test]
fn the_whole_files_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/occupancy");
    if !std::path::Path::new(folder).is_dir() {
        // Past the test harness, which would swallow it.
        let reason = "skipped: the whole data set does not stand beside the repository";
        writeln!(std::io::stderr(), "the_whole_files_are_read: {reason}").unwrap();
        return;
    }
    for (name, rows) in
        [("datatest.txt", 2_665), ("datatest2.txt", 9_752), ("datatraining.txt", 8_143)]
    {
        let path = format!("{folder}/{name}");
        let report = run(&["ingest", &path, "--device", "a", "--dry-run", "--json"]).json();
        assert_eq!(report["readings"], rows, "{name}");
    }
    let service = Service::start(&["serve"]);
    let report = ingest(&service, &format!("{folder}/datatest2.txt"), &["--device", "a"]).json();
    assert_eq!(
        (&report["created"], &report["last"]),
        (&9_752.into(), &"2015-02-18T09:19:00.000000Z".into())
    );
    assert_eq!(service.last("a", 1)[0]["at"], report["last"]);
}
