//! Paths of fields as text, exactly as Firestore takes them.

use firekeep_core::{Error, FieldPath, Result};

/// The path in `text`. Core's own parser forgives a name that should stand in backticks; Firestore
/// does not, and neither may a server that clients are tested against.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for anything but names and quoted
/// names, with dots between them.
pub(crate) fn field_path(text: &str) -> Result<FieldPath> {
    check_field_path(text)?;
    FieldPath::parse(text)
}

/// As [`field_path`], for whoever needs the text.
pub(crate) fn check_field_path(text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid("Invalid empty property path string."));
    }
    let mut rest = text;
    loop {
        match segment(rest) {
            Some("") => return Ok(()),
            Some(more) => match more.strip_prefix('.') {
                Some(next) => rest = next,
                None => return Err(malformed(text)),
            },
            None => return Err(malformed(text)),
        }
    }
}

/// What follows the first name of `text`, if it starts with one.
fn segment(text: &str) -> Option<&str> {
    match text.strip_prefix('`') {
        Some(quoted) => after_quote(quoted),
        None if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
            Some(text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        }
        None => None,
    }
}

/// What follows the backtick that closes a name of at least one character.
fn after_quote(quoted: &str) -> Option<&str> {
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '`' => return (at > 0).then(|| &quoted[at + 1..]),
            '\\' if !matches!(characters.next(), Some((_, '\\' | '`'))) => return None,
            _ => {}
        }
    }
    None
}

fn malformed(text: &str) -> Error {
    Error::invalid(format!(
        "Invalid property path \"{text}\". Unquoted property paths must match regex \
         ([a-zA-Z_][a-zA-Z_0-9]*), and quoted property paths must match regex \
         (`(?:[^`\\\\]|(?:\\\\\\\\)|(?:\\\\`))+`)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_quoted_names_with_dots_between_them_are_paths() {
        for text in ["a", "a.b", "_0", "`0`", "a.`b.c`.d", "`\\``", "`\\\\`", "`ü`", "__name__"] {
            assert!(field_path(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_the_official_server_refuses_is_refused() {
        for text in [
            "", ".", "a.", ".a", "a..b", "0a", "a.0", "a-b", "a b", "ü", "`", "`a", "``", "`a`b",
            "a`b`", "a.``", "`\\a`", "`a\\",
        ] {
            assert!(field_path(text).is_err(), "{text}");
        }
    }
}
