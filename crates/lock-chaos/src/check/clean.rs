//! Once the faults are over every key can be had again, and nothing is left.

use super::{Promise, Verdict};
use crate::history::{Event, Line};

/// How long a key may take to be free after the last fault: more than the longest lease and a wait
/// between attempts.
pub const FREE_WITHIN_MS: u64 = 5_000;

/// Checks the last lines.
pub fn check(lines: &[Line], verdict: &mut Verdict) {
    let (mut is_looked_at, mut freed) = (false, 0);
    for line in lines {
        match &line.event {
            Event::Freed { key, after_ms } => {
                freed += 1;
                if after_ms.is_none_or(|ms| ms > FREE_WITHIN_MS) {
                    let what = format!("`{key}` was free after {after_ms:?} ms");
                    verdict.violate(Promise::Clean, what);
                }
            }
            Event::Left { leases } => {
                is_looked_at = true;
                if *leases > 0 {
                    verdict
                        .violate(Promise::Clean, format!("{leases} leases and tickets are left"));
                }
            }
            _ => {}
        }
    }
    if !is_looked_at || freed == 0 {
        verdict.violate(Promise::Clean, "nobody looked at what was left");
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{lines, promises};
    use super::*;

    fn found(after_ms: Option<u64>, leases: u64) -> Vec<Promise> {
        let mut verdict = Verdict::default();
        let freed = Event::Freed { key: "k".into(), after_ms };
        check(&lines([(1, 0, freed), (2, 0, Event::Left { leases })]), &mut verdict);
        promises(&verdict)
    }

    #[test]
    fn a_stuck_key_and_a_leaving_are_found() {
        assert_eq!(found(Some(900), 0), []);
        assert_eq!(found(None, 0), [Promise::Clean]);
        assert_eq!(found(Some(60_000), 0), [Promise::Clean]);
        assert_eq!(found(Some(900), 1), [Promise::Clean]);
        let mut verdict = Verdict::default();
        check(&[], &mut verdict);
        assert_eq!(promises(&verdict), [Promise::Clean], "not looking is not passing");
    }
}
