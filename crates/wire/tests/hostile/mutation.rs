//! What happens to bytes on the way.

use fastrand::Rng;

/// Changes some bytes of a message.
pub(crate) fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..=bytes.len());
        let upto = rng.usize(at..=bytes.len().min(at + 40));
        match rng.u8(..7) {
            0 => bytes.truncate(at),
            1 | 2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.u8(..8);
                }
            }
            3 => {
                let piece = bytes[at..upto].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => drop(bytes.drain(at..upto)),
            5 => {
                let noise: Vec<u8> =
                    std::iter::repeat_with(|| rng.u8(..)).take(upto - at).collect();
                bytes.splice(at..upto, noise);
            }
            _ => bytes.splice(at..at, [0xff; 9]).for_each(drop),
        }
    }
}
