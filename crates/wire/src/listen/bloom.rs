//! A Bloom filter of names, as clients read it: it finds the documents that they hold in vain.

use bytes::Bytes;
use md5::{Digest, Md5};

use crate::proto::{BitSequence, BloomFilter};

/// The filter of `names`.
///
/// About one name in 2,000 that is none of them passes it. A client that is told so by the count
/// reads everything anew.
pub(super) fn filter<S: AsRef<str>>(names: &[S]) -> BloomFilter {
    let bytes = (names.len() * BITS_PER_NAME).div_ceil(8);
    let mut bitmap = vec![0_u8; bytes];
    let bits = bytes as u64 * 8;
    for name in names {
        for bit in positions(name.as_ref(), bits) {
            bitmap[(bit / 8) as usize] |= 1 << (bit % 8);
        }
    }
    let hash_count = if names.is_empty() { 0 } else { HASHES as i32 };
    let bits = BitSequence { bitmap: Bytes::from(bitmap), padding: 0 };
    BloomFilter { bits: Some(bits), hash_count }
}

/// The bits that stand for `name` among so many.
fn positions(name: &str, bits: u64) -> impl Iterator<Item = u64> {
    let [first, second] = md5(name.as_bytes());
    (0..HASHES).map(move |n| first.wrapping_add(second.wrapping_mul(n)) % bits)
}

const BITS_PER_NAME: usize = 16;
/// The best number for so many bits: theirs times the logarithm of 2.
const HASHES: u64 = 11;

/// The MD5 digest, which the protocol prescribes, as two numbers, little-endian. It guards nothing
/// here.
fn md5(message: &[u8]) -> [u64; 2] {
    let digest: [u8; 16] = Md5::digest(message).into();
    let [first, second] = [0, 8].map(|at| std::array::from_fn(|n| digest[at + n]));
    [u64::from_le_bytes(first), u64::from_le_bytes(second)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1321 has `900150983cd24fb0d6963f7d28e17f72` for it.
    #[test]
    fn a_digest_is_read_as_two_numbers_from_their_low_ends() {
        assert_eq!(md5(b"abc"), [0xb04f_d23c_9850_0190, 0x727f_e128_7d3f_96d6]);
    }

    fn passes(filter: &BloomFilter, name: &str) -> bool {
        let bitmap = &filter.bits.as_ref().unwrap().bitmap;
        let bits = bitmap.len() as u64 * 8;
        positions(name, bits).all(|bit| bitmap[(bit / 8) as usize] & (1 << (bit % 8)) != 0)
    }

    #[test]
    fn names_that_are_in_pass_and_few_others_do() {
        let names: Vec<_> = (0..1000).map(|n| format!("documents/c/{n}")).collect();
        let filter = filter(&names);
        assert!(names.iter().all(|name| passes(&filter, name)));
        let others = (0..10_000).filter(|n| passes(&filter, &format!("documents/d/{n}"))).count();
        assert!(others < 30, "{others} of 10,000");
    }

    #[test]
    fn a_filter_of_nothing_is_empty() {
        let filter = filter::<&str>(&[]);
        assert_eq!((filter.bits.unwrap().bitmap.len(), filter.hash_count), (0, 0));
    }
}
