//! A Firekeep service, spoken to over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use firekeep::{Backoff, Clock, SystemClock};
use firekeep_telemetry::{BatchReport, DeviceId, Reading};
use serde::Deserialize;
use serde_json::{Value, json};

/// How often a request is tried that a busy or restarting service does not answer. Readings are
/// idempotent by id, so sending one again is safe.
const ATTEMPTS: u32 = 5;
const TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(in crate::ingest) struct Service {
    base: String,
    agent: ureq::Agent,
}

/// What the service says it did.
#[derive(Debug, Deserialize)]
struct Written {
    created: usize,
    unchanged: usize,
}

/// What a problem document says, as far as it is passed on.
#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
    #[serde(default)]
    hint: String,
}

enum Answer {
    Written(Written),
    Refused(anyhow::Error),
    /// The same request may succeed later.
    Later(anyhow::Error),
}

impl Service {
    /// The service at `url`. The error says what was expected.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("http://").unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || host.contains('@') {
            return Err("--server: expected http://HOST:PORT, as `firekeep serve` prints it".into());
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT));
        Ok(Self { base: url.trim_end_matches('/').to_owned(), agent: config.build().into() })
    }

    /// Stores a batch; device by device, as the service takes them.
    pub(super) async fn store(&self, readings: &[Reading]) -> Result<BatchReport> {
        let mut report = BatchReport::default();
        let mut devices: BTreeMap<&DeviceId, Vec<&Reading>> = BTreeMap::new();
        for reading in readings {
            devices.entry(reading.device()).or_default().push(reading);
        }
        for (device, readings) in devices {
            let tenant = readings[0].tenant();
            let url = format!("{}/v1/tenants/{tenant}/devices/{device}/readings", self.base);
            let body = json!({ "readings": readings.into_iter().map(encode).collect::<Vec<_>>() });
            let written = self.send(url, body.to_string()).await?;
            report.created += written.created;
            report.unchanged += written.unchanged;
        }
        Ok(report)
    }

    async fn send(&self, url: String, body: String) -> Result<Written> {
        let mut attempt = 1;
        loop {
            let (service, url, body) = (self.clone(), url.clone(), body.clone());
            let answer = tokio::task::spawn_blocking(move || service.post(&url, &body)).await;
            match answer.context("the request was given up")? {
                Answer::Written(written) => return Ok(written),
                Answer::Refused(error) => return Err(error),
                Answer::Later(error) if attempt == ATTEMPTS => return Err(error),
                Answer::Later(error) => {
                    tracing::warn!(attempt, error = format!("{error:#}"), "trying again");
                    SystemClock.sleep(Backoff::default().delay(attempt, None)).await;
                    attempt += 1;
                }
            }
        }
    }

    fn post(&self, url: &str, body: &str) -> Answer {
        let request = self.agent.post(url).header("content-type", "application/json");
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(ureq::Error::Io(error))
                if error.kind() == std::io::ErrorKind::ConnectionRefused =>
            {
                let hint =
                    format!("nothing listens at {}: start `firekeep serve` there", self.base);
                return Answer::Refused(anyhow!(hint));
            }
            Err(error) => {
                return Answer::Later(
                    anyhow!(error).context(format!("{} does not answer", self.base)),
                );
            }
        };
        let status = response.status();
        let text = response.body_mut().read_to_string().unwrap_or_default();
        match read(status.is_success(), &text) {
            Ok(written) => Answer::Written(written),
            Err(error) if status.as_u16() == 503 => Answer::Later(error),
            Err(error) => {
                Answer::Refused(error.context(format!("{} answered {status}", self.base)))
            }
        }
    }
}

fn read(is_success: bool, text: &str) -> Result<Written> {
    if is_success {
        return serde_json::from_str(text).context("the answer is not that of a Firekeep service");
    }
    match serde_json::from_str::<Problem>(text) {
        Ok(problem) if problem.hint.is_empty() => bail!("{}", problem.detail),
        Ok(problem) => bail!("{} ({})", problem.detail, problem.hint),
        Err(_) => bail!("the answer is not that of a Firekeep service"),
    }
}

fn encode(reading: &Reading) -> Value {
    let values = reading.values().iter().map(|(metric, m)| {
        (metric.to_string(), json!({ "value": m.value(), "unit": m.unit().symbol() }))
    });
    json!({
        "id": reading.id().as_str(),
        "at": reading.at().to_string(),
        "values": values.collect::<serde_json::Map<_, _>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_serve_prints() {
        assert!(Service::new("http://127.0.0.1:8080").is_ok());
        assert_eq!(Service::new("http://localhost:1/").unwrap().base, "http://localhost:1");
        for bad in ["", "127.0.0.1:8080", "https://127.0.0.1", "http://", "http://a@b"] {
            assert!(Service::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn problems_are_passed_on_in_words() {
        let written = read(true, r#"{"created":3,"unchanged":1,"ids":[]}"#).unwrap();
        assert_eq!((written.created, written.unchanged), (3, 1));
        let problem = r#"{"detail":"`at`: must be an instant","hint":"correct it","status":422}"#;
        assert_eq!(
            read(false, problem).unwrap_err().to_string(),
            "`at`: must be an instant (correct it)"
        );
        assert!(read(false, "<html>").is_err());
        assert!(read(true, "<html>").is_err());
    }
}
