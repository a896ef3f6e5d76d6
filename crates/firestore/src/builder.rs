//! Describing a store: which database, where, and as whom.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Clock, Error, Result, SystemClock};
use tonic::transport::{ClientTlsConfig, Endpoint};

use crate::auth::{Auth, Credentials, TokenCache};
use crate::channel::Connection;
use crate::credentials::DefaultCredentials;
use crate::database::Database;
use crate::pool::{MAX_STREAMS, Pool};
use crate::store::FirestoreStore;

/// Describes a [`FirestoreStore`]; mistakes are reported by [`build`](FirestoreBuilder::build).
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct FirestoreBuilder {
    project: String,
    database: String,
    endpoint: String,
    emulator: Option<String>,
    remote_emulator: bool,
    credentials: Option<Arc<dyn Credentials>>,
    clock: Arc<dyn Clock>,
}

impl FirestoreBuilder {
    pub(crate) fn new(project: String) -> Self {
        Self {
            project,
            database: "(default)".to_owned(),
            endpoint: PRODUCTION.to_owned(),
            emulator: None,
            remote_emulator: false,
            credentials: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Which of the project's databases; `(default)` unless said.
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = database.into();
        self
    }

    /// Talks to this address instead of `https://firestore.googleapis.com`: a regional endpoint,
    /// or a private one. Without TLS only this machine is allowed.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    /// Talks to the emulator at `host`, such as `127.0.0.1:8080`, without TLS or credentials.
    pub fn emulator(mut self, host: impl Into<String>) -> Self {
        self.emulator = Some(host.into());
        self
    }

    /// Talks to the emulator if the environment names one in `FIRESTORE_EMULATOR_HOST`, the
    /// variable that Google's own clients and tools use.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one variable that every Firestore client honours, read only when asked to"
    )]
    pub fn emulator_from_env(self) -> Self {
        match std::env::var(EMULATOR_HOST) {
            Ok(host) if !host.is_empty() => self.emulator(host),
            _ => self,
        }
    }

    /// Allows an emulator on another machine. Requests go there unencrypted, and a forgotten
    /// variable in production would send them astray; hence only loopback is allowed otherwise.
    pub fn allow_remote_emulator(mut self) -> Self {
        self.remote_emulator = true;
        self
    }

    /// Uses these instead of Application Default Credentials. An emulator asks for none.
    pub fn credentials(mut self, credentials: impl Credentials) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// Measures deadlines and the life of tokens by this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks the whole. Connects to nothing yet: the first call does, within a tokio runtime.
    ///
    /// # Errors
    /// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for a malformed project,
    /// database or endpoint, or an emulator that is not on this machine.
    pub fn build(self) -> Result<FirestoreStore> {
        let database = Database::new(&self.project, &self.database)?;
        let emulated = self.emulator.is_some();
        let (endpoint, auth) = match &self.emulator {
            Some(host) => (self.emulator_endpoint(host)?, Auth::emulator()),
            None => (secure_endpoint(&self.endpoint)?, self.authorization()),
        };
        let windowed = |window| Pool::new(with_window(&endpoint, window), Arc::clone(&self.clock));
        let (calls, listeners) = (windowed(CALL_WINDOW), windowed(LISTENER_WINDOW));
        let connection = Connection::new(database, auth, Arc::clone(&self.clock), calls, listeners);
        Ok(FirestoreStore::new(connection, self.clock, emulated))
    }

    fn emulator_endpoint(&self, host: &str) -> Result<Endpoint> {
        if !self.remote_emulator && !is_loopback(host) {
            let rule = "an emulator runs on this machine; `allow_remote_emulator` lifts this";
            return Err(Error::invalid(rule).at_path(host));
        }
        endpoint(&format!("http://{host}"))
    }

    fn authorization(&self) -> Auth {
        let clock = Arc::clone(&self.clock);
        let credentials = self.credentials.clone();
        let source =
            credentials.unwrap_or_else(|| Arc::new(DefaultCredentials::new(Arc::clone(&clock))));
        Auth::Fetched(Arc::new(TokenCache::new(source, clock)))
    }
}

/// An endpoint that an access token may be sent to.
fn secure_endpoint(address: &str) -> Result<Endpoint> {
    let endpoint = endpoint(address)?;
    if endpoint.uri().scheme_str() != Some("https") {
        let host = endpoint.uri().authority().map_or("", |authority| authority.as_str());
        if !is_loopback(host) {
            let rule = "an endpoint without TLS would show the access token to the network";
            return Err(Error::invalid(rule).at_path(address));
        }
        return Ok(endpoint);
    }
    let tls = ClientTlsConfig::new().with_enabled_roots();
    endpoint
        .tls_config(tls)
        .map_err(|error| Error::invalid("TLS can't be set up").with_source(error))
}

fn endpoint(address: &str) -> Result<Endpoint> {
    let malformed = |error| Error::invalid("an endpoint is a URI").with_source(error);
    let endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|error| malformed(error).at_path(address))?;
    Ok(endpoint
        .connect_timeout(Duration::from_secs(10))
        .tcp_nodelay(true)
        // Google's front end takes pings that come faster than every 30 s, or without a stream
        // open, for abuse.
        .http2_keep_alive_interval(Duration::from_secs(60))
        .keep_alive_timeout(Duration::from_secs(20))
        .keep_alive_while_idle(false))
}

/// Gives each stream a window of its own within the connection's. Otherwise a few streams that
/// nobody reads would fill the connection's, and every other stream on it would wait for them. An
/// adaptive window is shared, starts at 64 KiB, and pings to measure.
fn with_window(endpoint: &Endpoint, window: u32) -> Endpoint {
    endpoint
        .clone()
        .initial_stream_window_size(window)
        .initial_connection_window_size(window * MAX_STREAMS as u32)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').map_or(bracketed, |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What the server may send ahead of the reader of a call: enough for 25 MB/s at 20 ms there and
/// back, and 45 MiB on a full connection whose readers all stand still.
const CALL_WINDOW: u32 = 512 * 1024;
/// What the server may send ahead of a watch's reader: enough for 12 MB/s at 20 ms there and back,
/// and 22.5 MiB on a full connection whose watches all stand still.
const LISTENER_WINDOW: u32 = 256 * 1024;
const PRODUCTION: &str = "https://firestore.googleapis.com";
const EMULATOR_HOST: &str = "FIRESTORE_EMULATOR_HOST";

#[cfg(test)]
mod tests {
    use super::*;

    fn emulator(host: &str) -> FirestoreBuilder {
        FirestoreStore::builder("p").emulator(host)
    }

    #[test]
    fn only_an_emulator_on_this_machine_is_talked_to_in_the_clear() {
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.1.2.3:1"] {
            assert!(emulator(host).build().is_ok(), "{host}");
        }
        for host in ["10.0.0.1:8080", "firestore:8080", "localhost.evil.example:80", "[::2]:1"] {
            assert!(emulator(host).build().is_err(), "{host}");
            assert!(emulator(host).allow_remote_emulator().build().is_ok(), "{host}");
        }
    }

    #[test]
    fn mistakes_are_reported_by_name() {
        let store = FirestoreStore::builder("p").endpoint("not a uri").build();
        assert!(store.unwrap_err().to_string().contains("not a uri"));
        assert!(FirestoreStore::builder("p/q").build().is_err());
    }

    #[test]
    fn access_tokens_go_only_where_nobody_listens_in() {
        let at = |endpoint| FirestoreStore::builder("p").endpoint(endpoint).build();
        assert!(at("http://firestore.example:80").is_err());
        assert!(at("https://firestore.example").is_ok());
        assert!(at("http://127.0.0.1:80").is_ok());
    }

    #[test]
    fn building_needs_neither_a_runtime_nor_credentials() {
        let store = FirestoreStore::builder("p").database("d").build().unwrap();
        assert!(format!("{store:?}").contains("projects/p/databases/d"));
    }
}
