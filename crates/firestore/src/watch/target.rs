//! What a watch follows, as the server is told.

use firekeep_core::{Error, Result, WatchTarget};
use prost::Message;

use super::position::Mark;
use crate::conv::{query_to_proto, timestamp_to_proto};
use crate::database::Database;
use crate::proto::listen_request::TargetChange;
use crate::proto::target::query_target::QueryType;
use crate::proto::target::{DocumentsTarget, QueryTarget, ResumeType, TargetType};
use crate::proto::{self, ListenRequest};

/// The one target of a stream. Fixed: the emulator ends the stream for a negative id, and a stream
/// of ours never has two.
pub(crate) const TARGET_ID: i32 = 1;

/// A checked target: the request that opens a stream for it, and its hash.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    database: String,
    what: TargetType,
    hash: u64,
}

impl Target {
    /// Encodes `target`.
    ///
    /// # Errors
    /// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for no documents at all, for
    /// a query with an offset, and for one that the protocol can't express.
    pub(crate) fn new(database: &Database, target: &WatchTarget) -> Result<Self> {
        let what = encode(database, target)?;
        let plain = proto::Target { target_type: Some(what.clone()), ..Default::default() };
        let hash = fnv1a(&plain.encode_to_vec());
        Ok(Self { database: database.name().to_string(), what, hash })
    }

    /// Tells targets apart in positions; the same in every process and build.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The request that follows the target from `mark` on, or from scratch.
    pub(crate) fn request(&self, mark: Option<&Mark>) -> ListenRequest {
        let target = proto::Target {
            target_id: TARGET_ID,
            once: false,
            expected_count: mark.and_then(|mark| i32::try_from(mark.count?).ok()),
            target_type: Some(self.what.clone()),
            resume_type: mark.map(resume_type),
        };
        ListenRequest {
            database: self.database.clone(),
            labels: Default::default(),
            target_change: Some(TargetChange::AddTarget(target)),
        }
    }
}

fn encode(database: &Database, target: &WatchTarget) -> Result<TargetType> {
    match target {
        WatchTarget::Documents(paths) if paths.is_empty() => {
            Err(Error::invalid("a watch follows at least one document"))
        }
        WatchTarget::Documents(paths) => {
            let mut documents: Vec<_> = paths.iter().map(|path| database.doc_name(path)).collect();
            // One set of documents is one target, in whatever order it is named.
            documents.sort_unstable();
            documents.dedup();
            Ok(TargetType::Documents(DocumentsTarget { documents }))
        }
        WatchTarget::Query(query) if query.offset() > 0 => {
            let error = Error::invalid("a watched query has no offset; start it at a cursor");
            Err(error.at_path(query.scope().collection_id()))
        }
        WatchTarget::Query(query) => {
            let (parent, query) = query_to_proto(database, query)?;
            let query_type = Some(QueryType::StructuredQuery(query));
            Ok(TargetType::Query(QueryTarget { parent, query_type }))
        }
    }
}

fn resume_type(mark: &Mark) -> ResumeType {
    if mark.token.is_empty() {
        ResumeType::ReadTime(timestamp_to_proto(mark.read_time))
    } else {
        ResumeType::ResumeToken(mark.token.clone())
    }
}

/// The 64-bit FNV-1a hash (<http://www.isthe.com/chongo/tech/comp/fnv/>). The standard library's
/// hashes may change between releases; positions outlive them.
fn fnv1a(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use firekeep_core::{DocPath, ErrorKind, Query, Timestamp};

    use super::*;

    fn database() -> Database {
        Database::new("p", "d").unwrap()
    }

    fn documents(paths: &[&str]) -> Result<Target> {
        let paths = paths.iter().map(|path| DocPath::new(path).unwrap()).collect();
        Target::new(&database(), &WatchTarget::Documents(paths))
    }

    fn added(request: ListenRequest) -> proto::Target {
        match request.target_change {
            Some(TargetChange::AddTarget(target)) => target,
            other => panic!("adds no target: {other:?}"),
        }
    }

    #[test]
    fn the_hash_agrees_with_the_published_vectors() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_set_of_documents_is_one_target_in_any_order_and_another_set_another() {
        let hash = documents(&["c/a", "c/b"]).unwrap().hash();
        assert_eq!(documents(&["c/b", "c/a", "c/b"]).unwrap().hash(), hash);
        assert_ne!(documents(&["c/a"]).unwrap().hash(), hash);
    }

    #[test]
    fn what_no_server_could_follow_is_refused() {
        assert_eq!(documents(&[]).unwrap_err().kind(), ErrorKind::InvalidArgument);
        let query = Query::collection("c").offset(1).build().unwrap();
        let error = Target::new(&database(), &WatchTarget::Query(query.into())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.path(), Some("c"));
    }

    #[test]
    fn the_last_rows_are_asked_for_as_the_first_of_the_query_turned_round() {
        let last = Query::collection("c").ascending("v").limit_to_last(3).build().unwrap();
        let target = Target::new(&database(), &WatchTarget::Query(last.clone().into())).unwrap();
        let turned = Query::collection("c").descending("v").limit(3).build().unwrap();
        let other = Target::new(&database(), &WatchTarget::Query(turned.into())).unwrap();
        assert_eq!(target.hash(), other.hash());
    }

    #[test]
    fn a_resume_sends_the_token_or_without_one_the_read_time() {
        let target = documents(&["c/a"]).unwrap();
        let read_time = Timestamp::from_micros(1_500_000).unwrap();
        let with = Mark { token: Bytes::from_static(b"t"), read_time, count: Some(1) };
        let sent = added(target.request(Some(&with)));
        assert_eq!(sent.resume_type, Some(ResumeType::ResumeToken(Bytes::from_static(b"t"))));
        assert_eq!(sent.expected_count, Some(1));
        let sent = added(target.request(Some(&Mark { token: Bytes::new(), count: None, ..with })));
        let time = prost_types::Timestamp { seconds: 1, nanos: 500_000_000 };
        assert_eq!(sent.resume_type, Some(ResumeType::ReadTime(time)));
        assert_eq!(sent.expected_count, None);
        let sent = added(target.request(None));
        assert_eq!((sent.resume_type, sent.expected_count), (None, None));
        assert_eq!(sent.target_id, TARGET_ID);
    }
}
