//! Where readings go: into a store, or to a service.

mod service;

use firekeep::Db;
use firekeep_telemetry::{BatchReport, Reading, Telemetry};

use crate::address::{StoreAddress, StoreArgs};
use crate::failure::Failure;

use service::Service;

/// A place that stores readings once each, whatever is sent again.
#[derive(Debug)]
pub(super) enum Sink {
    Store(Telemetry),
    Service(Service),
}

/// A batch that was not confirmed as a whole.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    /// The reading to blame, where there is one.
    pub(super) index: Option<usize>,
    pub(super) source: anyhow::Error,
}

impl Sink {
    pub(super) fn open(server: &str, store: Option<&StoreAddress>) -> Result<Self, Failure> {
        let Some(store) = store else {
            return Service::new(server).map(Self::Service).map_err(Failure::Usage);
        };
        if *store == StoreAddress::Memory {
            let rule = "a store in memory ends with this command: send to a service with --server, \
                        or try `firekeep demo --csv FILE`";
            return Err(Failure::Usage(rule.to_owned()));
        }
        let standard = StoreArgs { store: store.clone(), indexes: None }.open()?;
        Ok(Self::Store(Telemetry::new(Db::from_arc(standard.store))))
    }

    /// Stores a batch, in order; each commit whole or not at all.
    pub(super) async fn store(&self, readings: &[Reading]) -> Result<BatchReport, Unconfirmed> {
        match self {
            Self::Store(telemetry) => telemetry
                .write_batch(readings)
                .await
                .map_err(|error| Unconfirmed { index: error.index, source: error.into() }),
            Self::Service(service) => {
                service.store(readings).await.map_err(|source| Unconfirmed { index: None, source })
            }
        }
    }
}
