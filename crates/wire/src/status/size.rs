//! How production refuses what is too long, and how long a refusal itself may be.

use firekeep_core::document::MAX_DOCUMENT_BYTES;
use firekeep_core::write::MAX_VALUE_BYTES;
use firekeep_core::{Error, ErrorKind};

/// Production's words for a name or a value that is too long. Ours name the place, which may be as
/// long as what is refused.
pub(super) fn refusal(error: &Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidArgument {
        return None;
    }
    let ours = error.message();
    if ours.starts_with("segment ") && ours.ends_with("at most 1500 fit") {
        return Some("The key path element name is longer than 1500 bytes.".to_owned());
    }
    if ours.starts_with("a field name has ") {
        return Some("The property.name is longer than 1500 bytes.".to_owned());
    }
    if ours.starts_with("a value has ") {
        let (_, field) = error.path()?.split_once(':')?;
        return Some(format!(
            "The value of property \"{field}\" is longer than {MAX_VALUE_BYTES} bytes."
        ));
    }
    None
}

/// Production's words for the document called `name`, where ours say that it is too large.
pub(super) fn document_refusal(error: &Error, name: &str) -> Option<String> {
    let ours = error.message();
    let size = ours.starts_with("a document has at most 1048576 bytes; ");
    let size: usize = ours.rsplit(' ').next().filter(|_| size)?.parse().ok()?;
    Some(format!(
        "Document '{name}' cannot be written because its size ({} bytes) exceeds the maximum allowed \
         size of {} bytes.",
        in_thousands(size),
        in_thousands(MAX_DOCUMENT_BYTES)
    ))
}

/// `1048576` as `1,048,576`.
fn in_thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The message, cut so that it fits a header: a name may have 6 KiB and takes three bytes there for
/// each that is not printable ASCII, and clients built on gRPC's C core drop connections that send
/// more than 16 KiB of headers.
pub(super) fn bounded(mut message: String) -> String {
    let mut length = 0;
    let cut = message.char_indices().find(|(_, character)| {
        let plain = matches!(character, ' '..='~') && *character != '%';
        length += if plain { 1 } else { 3 * character.len_utf8() };
        length > MAX_MESSAGE_BYTES
    });
    if let Some((at, _)) = cut {
        message.truncate(at);
        message.push_str("...");
    }
    message
}

/// The most bytes of a message in a header.
const MAX_MESSAGE_BYTES: usize = 6 * 1024;

#[cfg(test)]
mod tests {
    use firekeep_core::{CollectionPath, DocPath, Fields, Write, fields};

    use super::*;

    fn write(fields: Fields) -> Option<String> {
        refusal(&Write::replace(DocPath::new("c/a").unwrap(), fields).unwrap_err())
    }

    #[test]
    fn what_is_too_long_is_refused_in_productions_words() {
        let long = "x".repeat(1_501);
        let id = CollectionPath::new("c").unwrap().doc(&long).unwrap_err();
        let name = refusal(&id).unwrap();
        assert_eq!(name, "The key path element name is longer than 1500 bytes.");
        let field = write(fields! { long => 1 }).unwrap();
        assert_eq!(field, "The property.name is longer than 1500 bytes.");
        let value = write(fields! { "f" => fields! { "g" => "x".repeat(1_048_488) } }).unwrap();
        assert_eq!(value, "The value of property \"f.g\" is longer than 1048487 bytes.");
        assert_eq!(write(fields! { "" => 1 }), None);
    }

    #[test]
    fn a_large_document_is_named_with_its_size() {
        let error = Error::invalid("a document has at most 1048576 bytes; this would have 1200064");
        let words = document_refusal(&error, "projects/p/databases/d/documents/c/a").unwrap();
        assert!(words.contains("/c/a' cannot be written because its size (1,200,064 bytes)"));
        assert!(words.ends_with("exceeds the maximum allowed size of 1,048,576 bytes."), "{words}");
        assert_eq!(document_refusal(&Error::invalid("anything else 5"), "c/a"), None);
    }

    #[test]
    fn a_message_fits_a_header_however_it_is_escaped() {
        assert_eq!(bounded("short".to_owned()), "short");
        assert_eq!(bounded("x".repeat(6 * 1024)).len(), 6 * 1024);
        assert_eq!(bounded("x".repeat(6 * 1024 + 1)), "x".repeat(6 * 1024) + "...");
        assert_eq!(bounded("ü".repeat(3_000)), "ü".repeat(1_024) + "...");
        assert_eq!(bounded("%".repeat(3_000)), "%".repeat(2_048) + "...");
    }
}
