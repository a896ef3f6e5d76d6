//! A Bloom filter of names, as clients read it: it finds the documents that they hold in vain.

use std::sync::LazyLock;

use bytes::Bytes;

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

/// The MD5 digest (RFC 1321), which the protocol prescribes, as two numbers, little-endian. It
/// guards nothing here.
fn md5(message: &[u8]) -> [u64; 2] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((message.len() + 9).next_multiple_of(64) - 8, 0);
    padded.extend((message.len() as u64).wrapping_mul(8).to_le_bytes());
    let start = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let [a, b, c, d] = padded.chunks_exact(64).fold(start, round).map(u64::from);
    [a | b << 32, c | d << 32]
}

/// Mixes one block into the state.
fn round(state: [u32; 4], block: &[u8]) -> [u32; 4] {
    let word = |n: usize| (0..4).fold(0, |word, i| word | u32::from(block[n * 4 + i]) << (8 * i));
    let [mut a, mut b, mut c, mut d] = state;
    for (n, (sine, turns)) in SINES.iter().zip(TURNS.iter().flatten()).enumerate() {
        let (mixed, from) = match n / 16 {
            0 => ((b & c) | (!b & d), n),
            1 => ((d & b) | (!d & c), 5 * n + 1),
            2 => (b ^ c ^ d, 3 * n + 5),
            _ => (c ^ (b | !d), 7 * n),
        };
        let sum = a.wrapping_add(mixed).wrapping_add(*sine).wrapping_add(word(from % 16));
        (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(*turns)));
    }
    let mixed = [a, b, c, d];
    std::array::from_fn(|n| state[n].wrapping_add(mixed[n]))
}

/// The first 32 bits of the fractions of the sines of 1 to 64.
static SINES: LazyLock<[u32; 64]> = LazyLock::new(|| {
    std::array::from_fn(|n| (((n + 1) as f64).sin().abs() * 4_294_967_296.0).floor() as u32)
});

/// By how much each step turns its sum: four amounts per pass, four times over.
static TURNS: LazyLock<[[u32; 16]; 4]> = LazyLock::new(|| {
    let of_pass = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    of_pass.map(|turns| std::array::from_fn(|n| turns[n % 4]))
});

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(message: &str) -> String {
        md5(message.as_bytes())
            .iter()
            .flat_map(|half| half.to_le_bytes())
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    }

    #[test]
    fn digests_are_those_of_the_rfc() {
        assert_eq!(hex(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            hex("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
            "57edf4a22be3c955ac49da2e2107b67a"
        );
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
