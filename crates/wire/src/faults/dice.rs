//! What is drawn for a call: of the seed, the project, the method and the call's number alone, so
//! that calls draw the same however they interleave.

use fastrand::Rng;

use super::fault::Rate;
use super::kind::FaultKind;
use super::method::Method;

/// The dice of the `nth` call of `method` in `project`.
pub(super) fn of_call(seed: u64, project: &str, method: Method, nth: u64) -> Rng {
    let bytes = project.bytes().chain([0]).chain(method.name().bytes()).chain(nth.to_le_bytes());
    let hash = bytes.fold(seed ^ BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    let mut rng = Rng::with_seed(hash);
    // Seeds that differ in few bits give numbers that do, at first.
    rng.u64(..);
    rng
}

/// Which of some excluding faults strikes, if one does.
pub(super) fn pick(rng: &mut Rng, rates: &[(FaultKind, Rate)]) -> Option<(FaultKind, Rate)> {
    if rates.iter().all(|(_, rate)| rate.rate <= 0.0) {
        return None;
    }
    let mut roll = rng.f64();
    let struck = rates.iter().find(|(_, rate)| {
        roll -= rate.rate;
        roll < 0.0
    });
    struck.copied()
}

/// Of the 64-bit FNV-1a hash, which is the same in every build.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
