//! Which collections there are.

use std::future::Future;

use firekeep_core::Result;

use super::page::{self, PageToken};
use crate::decode;
use crate::proto::list_collection_ids_request::ConsistencySelector;
use crate::proto::{ListCollectionIdsRequest, ListCollectionIdsResponse};
use crate::service::Call;

/// How many ids a page holds unless the request says so.
const IDS_PER_PAGE: usize = 300;

/// `ListCollectionIds`.
pub(crate) fn list_collection_ids(
    call: &Call,
    request: ListCollectionIdsRequest,
) -> impl Future<Output = Result<ListCollectionIdsResponse>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database(&request.parent)?;
        let under = database.parent(&request.parent)?;
        let at = match &request.consistency_selector {
            Some(ConsistencySelector::ReadTime(time)) => Some(decode::timestamp(*time)?),
            None => None,
        };
        let size = page::size(request.page_size, IDS_PER_PAGE)?;
        let asked = ("ids", &request.parent, at.map(|at| at.as_micros()));
        let token = PageToken::read(&request.page_token, &asked)?;
        let catalog = hosted.catalog_for("ListCollectionIds")?;
        let ids = catalog.collection_ids(&call.cx, under.as_ref(), at).await?;
        let ids = ids.iter().map(|id| id.as_str());
        let left = ids.skip_while(|id| token.as_ref().is_some_and(|token| *id <= &*token.after));
        let mut collection_ids: Vec<String> = left.take(size + 1).map(str::to_owned).collect();
        let more = collection_ids.len() > size;
        collection_ids.truncate(size);
        let next = collection_ids
            .last()
            .filter(|_| more)
            .map(|last| PageToken { after: last.clone(), ..PageToken::of(&asked) }.text());
        Ok(ListCollectionIdsResponse { collection_ids, next_page_token: next.unwrap_or_default() })
    }
}
