//! What clients read of a fault.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tonic::{Code, Status};

use super::kind::FaultKind;
use super::state::Strike;

/// The status that a fault answers with.
pub(super) fn status(strike: &Strike) -> Status {
    let code = match strike.kind {
        FaultKind::Contention | FaultKind::DocumentRate => Code::Aborted,
        FaultKind::Ramp => Code::ResourceExhausted,
        kind => kind.code().unwrap_or(Code::Unavailable),
    };
    let message = match (code, strike.kind) {
        (Code::Aborted, _) => {
            format!(
                "Too much contention on these documents. Please try again. ({})",
                strike.message
            )
        }
        (_, FaultKind::Ramp) => format!(
            "This database has exceeded the ramp up limit, please retry with exponential backoff. ({})",
            strike.message
        ),
        _ => strike.message.clone(),
    };
    match strike.retry_after {
        Some(after) => Status::with_details(code, &message, details(code, &message, after)),
        None => Status::new(code, message),
    }
}

/// `google.rpc.Status` with a `google.rpc.RetryInfo`.
fn details(code: Code, message: &str, after: Duration) -> Bytes {
    let retry_delay = prost_types::Duration::try_from(after).ok();
    let info = RetryInfo { retry_delay };
    let any = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: info.encode_to_vec(),
    };
    let status = Detailed { code: code as i32, message: message.to_owned(), details: vec![any] };
    status.encode_to_vec().into()
}

#[derive(Clone, PartialEq, prost::Message)]
struct Detailed {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}
