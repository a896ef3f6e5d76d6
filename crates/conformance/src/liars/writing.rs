//! Lies about writes.

use firekeep_core::{
    Change, Commit, Committed, Cx, Fields, Result, Store, Timestamp, Value, Version, Write,
    Written, async_trait,
};

use super::{Liar, Lie, liar};

pub(super) fn liars() -> Vec<Liar> {
    vec![
        liar!(
            IgnoresPreconditions,
            "ignores preconditions",
            caught by "preconditions/absent_refuses_a_document_that_exists",
            "preconditions/version_refuses_an_older_version",
            "preconditions/of_two_creates_one_wins"
        ),
        liar!(
            LosesTransforms,
            "loses a write's last transform",
            caught by "numbers/an_increment_adds", "transforms/results_come_in_order"
        ),
        liar!(
            KeepsMilliseconds,
            "keeps timestamps in milliseconds",
            caught by "values/timestamps_keep_microseconds"
        ),
        liar!(
            HalfApplies,
            "applies a commit write by write",
            caught by "writes/a_refused_write_undoes_those_before_it"
        ),
        liar!(
            BumpsNoOps,
            "gives a write that changes nothing a new version",
            caught by "versions/an_identical_set_keeps_the_version",
            "versions/an_increment_by_zero_keeps_the_version"
        ),
        liar!(
            RepeatsCommitTimes,
            "answers commit times in whole seconds",
            caught by "writes/commit_times_strictly_increase"
        ),
        liar!(
            ForgetsTransactions,
            "commits without looking at what the transaction read",
            caught by "conflicts/write_skew_is_refused",
            "conflicts/of_two_that_read_and_write_one_wins"
        ),
    ]
}

/// The same write with other values and without what `keep` refuses. A write was checked once, so
/// putting it together again can't fail.
fn rebuilt(write: &Write, values: impl Fn(Fields) -> Fields, guarded: bool, lost: usize) -> Write {
    let path = write.path().clone();
    let changed = match write.change().clone() {
        Change::Replace(fields) => Write::replace(path, values(fields)),
        Change::Merge { fields, mask } => Write::merge_masked(path, values(fields), mask),
        _ => return write.clone(),
    };
    let kept = &write.transforms()[..write.transforms().len().saturating_sub(lost)];
    let rebuilt = kept.iter().fold(changed, |write, transform| {
        write?.with(&transform.field.to_string(), transform.op.clone())
    });
    match (rebuilt, write.required()) {
        (Ok(rebuilt), Some(require)) if guarded => rebuilt.require(require),
        (Ok(rebuilt), _) => rebuilt,
        (Err(_), _) => write.clone(),
    }
}

fn same(fields: Fields) -> Fields {
    fields
}

#[derive(Clone, Debug)]
struct IgnoresPreconditions;

#[async_trait]
impl Lie for IgnoresPreconditions {
    async fn commit(&self, honest: &dyn Store, cx: &Cx, request: Commit) -> Result<Committed> {
        let request = request.map_writes(|write| Ok(rebuilt(&write, same, false, 0)))?;
        honest.commit(cx, request).await
    }
}

#[derive(Clone, Debug)]
struct LosesTransforms;

#[async_trait]
impl Lie for LosesTransforms {
    async fn commit(&self, honest: &dyn Store, cx: &Cx, request: Commit) -> Result<Committed> {
        let expected: Vec<_> = request.writes().iter().map(|w| w.transforms().len()).collect();
        let request = request.map_writes(|write| Ok(rebuilt(&write, same, true, 1)))?;
        let mut committed = honest.commit(cx, request).await?;
        for (written, expected) in committed.writes.iter_mut().zip(expected) {
            written.transform_results.resize(expected, Value::Null);
        }
        Ok(committed)
    }
}

#[derive(Clone, Debug)]
struct KeepsMilliseconds;

#[async_trait]
impl Lie for KeepsMilliseconds {
    async fn commit(&self, honest: &dyn Store, cx: &Cx, request: Commit) -> Result<Committed> {
        let request = request.map_writes(|write| Ok(rebuilt(&write, in_millis, true, 0)))?;
        honest.commit(cx, request).await
    }
}

fn in_millis(fields: Fields) -> Fields {
    let coarse = |value: Value| match value {
        Value::Timestamp(time) => Value::Timestamp(rounded(time, 1_000)),
        Value::Map(inner) => Value::Map(in_millis(inner)),
        other => other,
    };
    fields.into_iter().map(|(name, value)| (name, coarse(value))).collect()
}

fn rounded(time: Timestamp, micros: i64) -> Timestamp {
    let whole = time.as_micros().div_euclid(micros) * micros;
    Timestamp::from_micros(whole).unwrap_or(time)
}

#[derive(Clone, Debug)]
struct HalfApplies;

#[async_trait]
impl Lie for HalfApplies {
    async fn commit(&self, honest: &dyn Store, cx: &Cx, request: Commit) -> Result<Committed> {
        if request.txn().is_some() || request.writes().is_empty() {
            return honest.commit(cx, request).await;
        }
        let mut writes: Vec<Written> = Vec::new();
        let mut commit_time = Timestamp::MIN;
        for write in request.writes() {
            let committed = honest.commit(cx, write.clone().into()).await?;
            commit_time = committed.commit_time;
            writes.extend(committed.writes);
        }
        Ok(Committed { commit_time, writes })
    }
}

#[derive(Clone, Debug)]
struct BumpsNoOps;

#[async_trait]
impl Lie for BumpsNoOps {
    async fn commit(&self, honest: &dyn Store, cx: &Cx, request: Commit) -> Result<Committed> {
        let mut committed = honest.commit(cx, request).await?;
        let new = Version::at(committed.commit_time);
        for version in committed.writes.iter_mut().filter_map(|w| w.version.as_mut()) {
            *version = new;
        }
        Ok(committed)
    }
}

#[derive(Clone, Debug)]
struct RepeatsCommitTimes;

#[async_trait]
impl Lie for RepeatsCommitTimes {
    async fn commit(&self, honest: &dyn Store, cx: &Cx, request: Commit) -> Result<Committed> {
        let committed = honest.commit(cx, request).await?;
        Ok(Committed { commit_time: rounded(committed.commit_time, 1_000_000), ..committed })
    }
}

#[derive(Clone, Debug)]
struct ForgetsTransactions;

#[async_trait]
impl Lie for ForgetsTransactions {
    async fn commit(&self, honest: &dyn Store, cx: &Cx, request: Commit) -> Result<Committed> {
        if let Some(txn) = request.txn() {
            honest.rollback(cx, txn.clone()).await?;
        }
        honest.commit(cx, Commit::new(request.writes().to_vec())?).await
    }
}
