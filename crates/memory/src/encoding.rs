//! Values and names as bytes that compare like the values themselves.
//!
//! An index is a tree of such keys, so that equality, ranges and cursors all become ranges of
//! bytes. Every encoding is prefix-free: no value's bytes begin another's. That is what lets values
//! stand one behind the other in a key, and lets a descending key simply invert each byte.

use firekeep_core::{Direction, DocPath, Reference, Value, order};

/// Appends `value`, ordered as `direction` says.
pub(crate) fn push_value(key: &mut Vec<u8>, value: &Value, direction: Direction) {
    let from = key.len();
    ascending(key, value);
    if direction == Direction::Descending {
        invert(&mut key[from..]);
    }
}

/// Inverts every byte, which reverses the order of keys.
pub(crate) fn invert(key: &mut [u8]) {
    key.iter_mut().for_each(|byte| *byte = !*byte);
}

/// The first byte of every value of `value`'s type class, and of no other.
pub(crate) fn class_tag(value: &Value) -> u8 {
    FIRST_TAG + order::type_class(value)
}

/// The smallest key that is greater than every key that begins with `prefix`; `None` if there is
/// no such key.
pub(crate) fn after(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return Some(prefix);
        }
    }
    None
}

/// Appends the name of a document, ordered as `__name__`.
pub(crate) fn push_path(key: &mut Vec<u8>, path: &DocPath) {
    push_segments(key, path.as_str());
    key.push(END);
}

/// Appends the segments of a path, so that those of a longer one may follow.
pub(crate) fn push_segments(key: &mut Vec<u8>, path: &str) {
    path.split('/').for_each(|segment| push_segment(key, segment));
}

fn push_segment(key: &mut Vec<u8>, segment: &str) {
    match numeric_id(segment) {
        Some(number) => {
            key.push(NUMERIC_SEGMENT);
            push_i64(key, number);
        }
        None => {
            key.push(TEXT_SEGMENT);
            push_bytes(key, segment.as_bytes());
        }
    }
}

/// The number in `__id<i64>__`; a path of core holds no malformed one.
fn numeric_id(segment: &str) -> Option<i64> {
    segment.strip_prefix("__id")?.strip_suffix("__")?.parse().ok()
}

fn ascending(key: &mut Vec<u8>, value: &Value) {
    key.push(class_tag(value));
    match value {
        Value::Null => {}
        Value::Bool(flag) => key.push(u8::from(*flag)),
        Value::Integer(number) => push_integer(key, *number),
        Value::Double(number) => push_number(key, *number, 0),
        Value::Timestamp(time) => push_i64(key, time.as_micros()),
        Value::String(text) => push_bytes(key, text.as_bytes()),
        Value::Bytes(bytes) => push_bytes(key, bytes),
        Value::Reference(reference) => push_reference(key, reference),
        Value::GeoPoint(point) => {
            push_f64(key, point.latitude());
            push_f64(key, point.longitude());
        }
        Value::Array(elements) => {
            elements.iter().for_each(|element| ascending(key, element));
            key.push(END);
        }
        Value::Vector(numbers) => {
            key.extend_from_slice(&(numbers.len() as u32).to_be_bytes());
            numbers.iter().for_each(|number| push_f64(key, *number));
        }
        Value::Map(fields) => {
            for (name, value) in fields {
                key.push(PAIR);
                push_bytes(key, name.as_bytes());
                ascending(key, value);
            }
            key.push(END);
        }
        // `Value` may grow; a value that has no key yet sorts last of all.
        _ => key.push(u8::MAX),
    }
}

fn push_reference(key: &mut Vec<u8>, reference: &Reference) {
    match reference.database() {
        None => key.push(LOCAL),
        Some(database) => {
            key.push(FOREIGN);
            push_bytes(key, database.as_bytes());
        }
    }
    push_path(key, reference.path());
}

/// The greatest double that is not above the integer, then how far the integer is above it: ints
/// beyond 2^53 keep their places between two doubles.
fn push_integer(key: &mut Vec<u8>, number: i64) {
    let nearest = number as f64;
    let floor = if nearest as i128 > i128::from(number) { nearest.next_down() } else { nearest };
    // Two doubles below 2^63 are at most 1,024 apart.
    push_number(key, floor, (i128::from(number) - floor as i128) as u16);
}

fn push_number(key: &mut Vec<u8>, floor: f64, above: u16) {
    push_f64(key, floor);
    key.extend_from_slice(&above.to_be_bytes());
}

/// A double so that bytes order as numbers do: zeros alike, NaN below negative infinity.
fn push_f64(key: &mut Vec<u8>, number: f64) {
    const SIGN: u64 = 1 << 63;
    let bits = if number.is_nan() {
        0
    } else {
        // Adding zero turns -0.0 into 0.0.
        let bits = (number + 0.0).to_bits();
        if bits & SIGN == 0 { bits | SIGN } else { !bits }
    };
    key.extend_from_slice(&bits.to_be_bytes());
}

fn push_i64(key: &mut Vec<u8>, number: i64) {
    const SIGN: u64 = 1 << 63;
    key.extend_from_slice(&(number as u64 ^ SIGN).to_be_bytes());
}

/// Bytes with every zero escaped, then a terminator that is below every continuation.
fn push_bytes(key: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(zero) = rest.iter().position(|byte| *byte == 0) {
        key.extend_from_slice(&rest[..zero]);
        key.extend_from_slice(&[0, u8::MAX]);
        rest = &rest[zero + 1..];
    }
    key.extend_from_slice(rest);
    key.extend_from_slice(&[0, 1]);
}

/// Ends an array, a map or a path; below whatever could continue one.
const END: u8 = 0;
const PAIR: u8 = 1;
const LOCAL: u8 = 1;
const FOREIGN: u8 = 2;
const NUMERIC_SEGMENT: u8 = 1;
const TEXT_SEGMENT: u8 = 2;
/// Tags leave room below for [`END`] and above for the byte after the last tag.
const FIRST_TAG: u8 = 16;

#[cfg(test)]
mod tests;
