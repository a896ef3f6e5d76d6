#![doc = include_str!("../README.md")]

pub mod device;
pub mod error;
pub mod live;
pub mod name;
pub mod page;
pub mod reading;
pub mod recent;
pub mod schema;
pub mod unit;

mod codec;
mod cursor;
mod slot;
mod telemetry;
mod write;

pub use device::Device;
pub use error::{BatchError, CursorError, Invalid, ReadingError};
pub use firekeep_core::{Direction, Timestamp};
pub use live::{LiveEvent, LiveFrom, LiveUpdate};
pub use name::{DeviceId, Metric, ReadingId, TenantId};
pub use page::{MAX_PAGE, Page, Window};
pub use reading::{MAX_METRICS, Measurement, Reading, ReadingBuilder};
pub use recent::{RECENT_CAPACITY, Recent};
pub use telemetry::{Retention, Telemetry};
pub use unit::Unit;
pub use write::{BatchReport, Stored};
