//! What a stream of changes says that is not so.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::kind::FaultKind;
use super::message::Told;
use crate::proto::listen_response::ResponseType;
use crate::proto::{ExistenceFilter, ListenResponse, TargetChange};

/// What a stream has said so far.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// By target: the token that was told last, and the one before that.
    tokens: BTreeMap<i32, [Bytes; 2]>,
}

impl Memory {
    /// The targets that a change is about. One about none is about the only one.
    fn of<'a>(&self, change: &'a TargetChange, only: &'a mut [i32; 1]) -> &'a [i32] {
        if !change.target_ids.is_empty() {
            return &change.target_ids;
        }
        match (self.tokens.len(), self.tokens.keys().next()) {
            (1, Some(target)) => {
                *only = [*target];
                only
            }
            _ => &[],
        }
    }
}

impl Told for ListenResponse {
    fn remember(&self, memory: &mut Memory) {
        let Some(ResponseType::TargetChange(change)) = &self.response_type else { return };
        let mut only = [0];
        for target in memory.of(change, &mut only) {
            let [last, before] = memory.tokens.entry(*target).or_default();
            if !change.resume_token.is_empty() && *last != change.resume_token {
                *before = std::mem::replace(last, change.resume_token.clone());
            }
        }
    }

    fn falsified(&self, kind: FaultKind, memory: &Memory) -> Option<Vec<Self>> {
        match kind {
            FaultKind::StaleToken => stale(self, memory).map(|message| vec![message]),
            FaultKind::WrongFilter => {
                let target_id = *memory.tokens.keys().next()?;
                let filter = ExistenceFilter { target_id, count: i32::MAX, unchanged_names: None };
                let filter = Self { response_type: Some(ResponseType::Filter(filter)) };
                Some(vec![filter, self.clone()])
            }
            _ => Some(Vec::new()),
        }
    }
}

/// The message with the token before the one that it has.
fn stale(message: &ListenResponse, memory: &Memory) -> Option<ListenResponse> {
    let Some(ResponseType::TargetChange(change)) = &message.response_type else { return None };
    if change.resume_token.is_empty() {
        return None;
    }
    let mut only = [0];
    let target = memory.of(change, &mut only).first()?;
    // The message itself is remembered already.
    let [_, before] = memory.tokens.get(target)?;
    let resume_token = Some(before.clone()).filter(|token| !token.is_empty())?;
    let change = TargetChange { resume_token, ..change.clone() };
    Some(ListenResponse { response_type: Some(ResponseType::TargetChange(change)) })
}
