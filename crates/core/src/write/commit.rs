//! Writes that happen together, and what they did.

use std::collections::HashSet;

use super::{Change, Write};
use crate::document::Version;
use crate::path::DocPath;
use crate::store::TxnId;
use crate::timestamp::Timestamp;
use crate::value::Value;
use crate::{Error, Result};

/// Several writes that take effect together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    writes: Vec<Write>,
    txn: Option<TxnId>,
}

impl Commit {
    /// Puts `writes` into one commit, applied in order, each seeing those before it.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for more than 500 writes, Firestore's
    /// documented bound until 2023 and still the safe one, or a verify beside another write to its
    /// document.
    pub fn new(writes: Vec<Write>) -> Result<Self> {
        if writes.len() > MAX_WRITES {
            return Err(Error::invalid(format!(
                "a commit has at most {MAX_WRITES} writes; this has {}",
                writes.len()
            )));
        }
        Self::of_any_length(writes)
    }

    /// Puts any number of `writes` into one commit, as Firestore has allowed since 2023: its one
    /// bound is on the request's bytes, which the store checks. For servers, which have to take
    /// what clients may send; [`Commit::new`] stops a feature that grows without bound.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a verify beside another write to
    /// its document.
    pub fn of_any_length(writes: Vec<Write>) -> Result<Self> {
        match written_and_verified(&writes) {
            Some(path) => {
                let why = "a commit that verifies a document can't also write it";
                Err(Error::invalid(why).at_path(path))
            }
            None => Ok(Self { writes, txn: None }),
        }
    }

    /// Ends the transaction `txn` with this commit.
    #[must_use]
    pub fn in_txn(mut self, txn: TxnId) -> Self {
        self.txn = Some(txn);
        self
    }

    /// The writes, in order.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The writes, in order, without copying; for backends.
    pub fn into_writes(self) -> Vec<Write> {
        self.writes
    }

    /// The transaction that this ends.
    pub fn txn(&self) -> Option<&TxnId> {
        self.txn.as_ref()
    }

    /// The same commit with each write rewritten; for layers.
    ///
    /// # Errors
    /// What `rewrite` answers.
    pub fn map_writes(self, rewrite: impl FnMut(Write) -> Result<Write>) -> Result<Self> {
        let writes = self.writes.into_iter().map(rewrite).collect::<Result<_>>()?;
        Ok(Self { writes, txn: self.txn })
    }
}

impl From<Write> for Commit {
    fn from(write: Write) -> Self {
        Self { writes: vec![write], txn: None }
    }
}

/// A document that one write verifies and another one names too.
fn written_and_verified(writes: &[Write]) -> Option<&DocPath> {
    let is_verify = |write: &&Write| write.change == Change::Verify;
    let mut verified: HashSet<&DocPath> = HashSet::new();
    if let Some(twice) = writes.iter().filter(is_verify).find(|w| !verified.insert(&w.path)) {
        return Some(&twice.path);
    }
    if verified.is_empty() {
        return None;
    }
    let written = writes.iter().filter(|write| !is_verify(write));
    written.map(|write| &write.path).find(|path| verified.contains(path))
}

/// What a successful [`Commit`] did.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The time of the commit, by the store's clock.
    pub commit_time: Timestamp,
    /// One answer per write, in order.
    pub writes: Vec<Written>,
}

/// What one write of a successful commit did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// The document's version afterwards: the commit's, or the earlier one if nothing changed.
    /// `None` after a delete or a verify.
    pub version: Option<Version>,
    /// One result per transform, in order: the new value of numbers and times, null for arrays.
    pub transform_results: Vec<Value>,
}

/// The most writes in a commit of [`Commit::new`].
pub const MAX_WRITES: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Require;

    fn path() -> DocPath {
        DocPath::new("c/d").unwrap()
    }

    #[test]
    fn a_commit_is_bounded_and_does_not_write_what_it_verifies() {
        let delete = Write::delete(path());
        assert!(Commit::new(vec![delete.clone(); MAX_WRITES + 1]).is_err());
        let verify = Write::verify(path(), Require::Present);
        assert!(Commit::new(vec![delete, verify]).is_err());
    }

    #[test]
    fn a_commit_of_any_length_is_bounded_by_nothing_but_sense() {
        let delete = Write::delete(path());
        let many = Commit::of_any_length(vec![delete.clone(); MAX_WRITES + 1]).unwrap();
        assert_eq!(many.writes().len(), MAX_WRITES + 1);
        let verify = |path| Write::verify(DocPath::new(path).unwrap(), Require::Present);
        for writes in [vec![delete.clone(), verify("c/d")], vec![verify("c/d"), verify("c/d")]] {
            let error = Commit::of_any_length(writes).unwrap_err();
            assert_eq!(error.path(), Some("c/d"));
        }
        assert!(Commit::of_any_length(vec![verify("c/a"), delete, verify("c/b")]).is_ok());
    }
}
