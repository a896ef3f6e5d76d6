//! The six guarantees of a watch, each as a predicate over what was committed and what was told.

use std::collections::{BTreeMap, HashMap, HashSet};

use firekeep_core::Timestamp;
use firekeep_jobs::{Key, Scope};

use crate::tap::Fact;
use crate::told::{Recording, Told};

pub(crate) type Verdict = Result<(), String>;

/// The latest version of each cell, and when it was committed.
type Cells = BTreeMap<Key, (u64, Timestamp)>;

/// Everything that can be said of one stream. At the end, all was told.
pub(crate) fn all(facts: &[Fact], recording: &Recording) -> Verdict {
    ordered(facts, recording)?;
    unique(facts, recording)?;
    reliable(facts, recording)?;
    bookmarkable(facts, recording)?;
    if !recording.by_time {
        return Ok(());
    }
    atomic(facts, recording)?;
    counted(facts, recording)
}

/// States come in the order of their commits; those of a cell with increasing versions.
pub(crate) fn ordered(_: &[Fact], recording: &Recording) -> Verdict {
    let (mut versions, mut last) = (BTreeMap::new(), Timestamp::MIN);
    for told in &recording.told {
        let Told::State { key, version, time, .. } = told else { continue };
        if versions.insert(key, *version).is_some_and(|before| before >= *version) {
            return Err(format!("{key}@{version} comes after a later version"));
        }
        if *time < last && recording.by_time {
            return Err(format!("{key}@{version} comes after what was committed later"));
        }
        last = *time;
    }
    Ok(())
}

/// Each state is one that was committed, in the scope, and comes once.
pub(crate) fn unique(facts: &[Fact], recording: &Recording) -> Verdict {
    let commits = facts.iter().flat_map(|fact| {
        fact.states.iter().map(|(key, version, id)| ((key, *version), (fact.time, id)))
    });
    let (commits, mut seen) = (commits.collect::<HashMap<_, _>>(), HashSet::new());
    for told in &recording.told {
        let Told::State { key, version, event_id, time, .. } = told else { continue };
        let is_fact = commits.get(&(key, *version)) == Some(&(*time, event_id));
        if !is_fact || !recording.scope.holds(key) {
            return Err(format!("{key}@{version} was never committed, or is not in the scope"));
        }
        if !seen.insert((key, *version)) {
            return Err(format!("{key}@{version} comes twice"));
        }
    }
    Ok(())
}

/// The last version of each cell is told; each one, where every one is promised.
pub(crate) fn reliable(facts: &[Fact], recording: &Recording) -> Verdict {
    let told = versions(&recording.told);
    let due = due(facts, recording, Timestamp::MAX);
    for (key, (version, _)) in &due {
        if told.get(key).map(|told| told.0) != Some(*version) {
            return Err(format!("{key}@{version} is missing, told was {:?}", told.get(key)));
        }
    }
    if recording.every {
        every(facts, recording)?;
    }
    Ok(())
}

fn every(facts: &[Fact], recording: &Recording) -> Verdict {
    let since = recording.since.unwrap_or(Timestamp::MIN);
    let told = recording.told.iter().filter_map(|told| match told {
        Told::State { key, version, .. } => Some((key, *version)),
        _ => None,
    });
    let told: HashSet<_> = told.collect();
    let due = facts.iter().filter(|fact| fact.time > since).flat_map(|fact| &fact.states);
    for (key, version, _) in due.filter(|state| recording.scope.holds(&state.0)) {
        if !told.contains(&(key, *version)) {
            return Err(format!("{key}@{version} is missing"));
        }
    }
    Ok(())
}

/// At a bookmark, of each commit before it everything was told, and of those after it nothing.
pub(crate) fn atomic(facts: &[Fact], recording: &Recording) -> Verdict {
    for (at, told) in recording.told.iter().enumerate() {
        let Told::Bookmark(time) = told else { continue };
        let (told, due) = (versions(&recording.told[..at]), due(facts, recording, *time));
        if let Some((key, _)) = told.iter().find(|(key, told)| due.get(*key) != Some(told)) {
            return Err(format!("{key} is told as of after the bookmark {time}"));
        }
        if let Some((key, _)) = due.iter().find(|(key, _)| !told.contains_key(*key)) {
            return Err(format!("{key} is not told before the bookmark {time}"));
        }
    }
    Ok(())
}

/// One mark ends the replay; marks never go back, and nothing from before a mark comes after it.
pub(crate) fn bookmarkable(_: &[Fact], recording: &Recording) -> Verdict {
    let (mut mark, mut is_live) = (Timestamp::MIN, false);
    for told in &recording.told {
        match told {
            Told::State { key, version, time, replay, .. } => {
                if *replay == is_live {
                    return Err(format!(
                        "{key}@{version} is on the wrong side of the replay's end"
                    ));
                }
                if *time <= mark && recording.by_time {
                    return Err(format!("{key}@{version} comes after a mark that is later"));
                }
            }
            Told::ReplayDone(_) if is_live => return Err("the replay ends twice".to_owned()),
            Told::Bookmark(_) if !is_live => return Err("a bookmark within the replay".to_owned()),
            Told::ReplayDone(time) | Told::Bookmark(time) => {
                if *time < mark {
                    return Err(format!("the mark {time} goes back"));
                }
                (mark, is_live) = (*time, true);
            }
        }
    }
    if is_live { Ok(()) } else { Err("the replay never ends".to_owned()) }
}

/// What was told up to a mark, and what a stream told that began there, are together what one stream
/// tells.
pub(crate) fn resumable(facts: &[Fact], prefix: &Recording, suffix: &Recording) -> Verdict {
    let since = suffix.since.ok_or("the suffix begins nowhere")?;
    let early = |told: &&Told| matches!(told, Told::State { time, .. } if *time <= since);
    if let Some(told) = suffix.told.iter().find(early) {
        return Err(format!("{told:?} was told before"));
    }
    let mut whole = prefix.clone();
    whole.told.extend(suffix.told.iter().filter(|told| told.mark().is_none()).cloned());
    unique(facts, &whole)?;
    if whole.by_time { reliable(facts, &whole) } else { Ok(()) }
}

/// Each version after the replay was told, or counted as skipped.
pub(crate) fn counted(facts: &[Fact], recording: &Recording) -> Verdict {
    let (mut counted, mut replayed) = (0, None);
    for told in &recording.told {
        match told {
            Told::ReplayDone(time) => replayed = Some(*time),
            Told::State { replay: false, skipped, .. } => counted += 1 + skipped,
            Told::State { skipped: 1.., key, .. } => {
                return Err(format!("{key} is replayed, and something was skipped before it"));
            }
            Told::State { .. } | Told::Bookmark(_) => {}
        }
    }
    let Some(replayed) = replayed else { return Ok(()) };
    let later = facts.iter().filter(|fact| fact.time > replayed).flat_map(|fact| &fact.states);
    let later = later.filter(|state| recording.scope.holds(&state.0)).count() as u64;
    // A listen that was behind the cursor can't tell what passed before it from what passed after.
    let was_behind = recording.since == Some(replayed);
    if counted == later || was_behind && counted >= later {
        return Ok(());
    }
    Err(format!("{later} versions came after the replay, {counted} are told or counted"))
}

/// What a stream must have told of each cell at `time`, at least of the last version then.
fn due(facts: &[Fact], recording: &Recording, time: Timestamp) -> Cells {
    let mut cells = Cells::new();
    for fact in facts.iter().filter(|fact| fact.time <= time) {
        for (key, version, _) in &fact.states {
            cells.insert(key.clone(), (*version, fact.time));
        }
    }
    let since = recording.since.unwrap_or(Timestamp::MIN);
    cells.retain(|key, (_, time)| recording.scope.holds(key) && *time > since);
    cells
}

fn versions(told: &[Told]) -> Cells {
    let states = told.iter().filter_map(|told| match told {
        Told::State { key, version, time, .. } => Some((key.clone(), (*version, *time))),
        _ => None,
    });
    states.collect()
}

mod tests {
    use super::*;
    use crate::support::tag;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    fn key(name: &str) -> Key {
        Key::new(tag(name), 0)
    }

    /// Two cells, the second commit of both.
    fn facts() -> Vec<Fact> {
        let fact = |second, states: &[(&str, u64)]| Fact {
            time: at(second),
            states: states.iter().map(|(n, v)| (key(n), *v, format!("{n}{v}"))).collect(),
        };
        vec![fact(1, &[("a", 1)]), fact(2, &[("a", 2), ("b", 1)]), fact(3, &[("a", 3)])]
    }

    fn state(name: &str, version: u64, second: i64, replay: bool) -> Told {
        let event_id = format!("{name}{version}");
        Told::State { key: key(name), version, event_id, time: at(second), replay, skipped: 0 }
    }

    fn told(told: impl IntoIterator<Item = Told>) -> Recording {
        let told = told.into_iter().collect();
        Recording { scope: Scope::Job, since: None, every: false, by_time: true, told }
    }

    fn good() -> Vec<Told> {
        vec![
            state("a", 1, 1, true),
            Told::ReplayDone(at(1)),
            state("a", 2, 2, false),
            state("b", 1, 2, false),
            Told::Bookmark(at(2)),
            state("a", 3, 3, false),
            Told::Bookmark(at(4)),
        ]
    }

    #[test]
    fn a_good_history_is_good_also_if_versions_are_skipped() {
        assert_eq!(all(&facts(), &told(good())), Ok(()));
        let mut skipping = good();
        skipping.drain(2..3);
        skipping.remove(3);
        assert!(counted(&facts(), &told(skipping.clone())).is_err(), "and nobody said so");
        let Told::State { skipped, .. } = &mut skipping[3] else { panic!("a state") };
        *skipped = 1;
        assert_eq!(all(&facts(), &told(skipping)), Ok(()));
    }

    #[test]
    fn order_is_by_version_and_by_commit() {
        let swapped = [state("a", 2, 2, false), state("a", 1, 1, false)];
        assert!(ordered(&facts(), &told(swapped)).is_err());
        let crossed = [state("a", 3, 3, false), state("b", 1, 2, false)];
        assert!(ordered(&facts(), &told(crossed)).is_err());
    }

    #[test]
    fn what_comes_twice_or_from_nowhere_is_not_unique() {
        let twice = [state("a", 1, 1, true), state("a", 1, 1, false)];
        assert!(unique(&facts(), &told(twice)).is_err());
        assert!(unique(&facts(), &told([state("a", 4, 4, false)])).is_err());
        assert!(unique(&facts(), &told([state("a", 1, 2, false)])).is_err(), "another time");
        let mut elsewhere = told([state("a", 1, 1, true)]);
        elsewhere.scope = Scope::Task(1);
        assert!(unique(&facts(), &elsewhere).is_err());
    }

    #[test]
    fn a_final_version_that_is_missing_is_not_reliable() {
        let mut events = good();
        events.remove(5);
        assert!(reliable(&facts(), &told(events)).is_err());
        let mut all = told(good());
        all.every = true;
        assert_eq!(reliable(&facts(), &all), Ok(()));
        all.told.remove(2);
        assert!(reliable(&facts(), &all).is_err(), "a version in between");
    }

    #[test]
    fn half_a_commit_before_a_bookmark_is_not_atomic() {
        let mut half = good();
        half.remove(3);
        assert!(atomic(&facts(), &told(half)).is_err(), "half of it");
        let mut ahead = good();
        ahead.swap(4, 5);
        assert!(atomic(&facts(), &told(ahead)).is_err(), "more than there was");
    }

    #[test]
    fn what_is_older_than_a_bookmark_must_not_follow_it() {
        let bad = |change: fn(&mut Vec<Told>)| {
            let mut events = good();
            change(&mut events);
            bookmarkable(&facts(), &told(events)).is_err()
        };
        assert!(bad(|events| events.swap(3, 4)), "late");
        assert!(bad(|events| events.push(Told::Bookmark(at(3)))), "back");
        assert!(bad(|events| events.insert(4, Told::ReplayDone(at(2)))), "twice");
        assert!(bad(|events| drop(events.remove(1))), "never");
        assert!(bad(|events| events.swap(1, 2)), "live before the mark");
    }

    #[test]
    fn a_suffix_with_a_gap_or_an_overlap_does_not_resume() {
        let prefix = told(good().into_iter().take(5));
        let suffix = |events: Vec<Told>| Recording { since: Some(at(2)), ..told(events) };
        let resumed = suffix(vec![state("a", 3, 3, true), Told::ReplayDone(at(3))]);
        assert_eq!(resumable(&facts(), &prefix, &resumed), Ok(()));
        let overlap = suffix(vec![state("b", 1, 2, true), state("a", 3, 3, true)]);
        assert!(resumable(&facts(), &prefix, &overlap).is_err());
        assert!(resumable(&facts(), &prefix, &suffix(vec![])).is_err());
    }
}
