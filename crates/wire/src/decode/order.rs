//! An order as text: `priority desc, __name__`.

use firekeep_core::{Direction, Error, Result};

use super::check_field_path;

/// The keys of an order: fields in text form, and which way each runs.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for a clause that is anything but a
/// field and perhaps a direction.
pub(crate) fn order(text: &str) -> Result<Vec<(&str, Direction)>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    clauses(text).map(clause).collect()
}

/// What stands between commas; those inside backticks belong to a field's name.
fn clauses(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        match c {
            '`' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
        c == ',' && !quoted
    })
}

fn clause(text: &str) -> Result<(&str, Direction)> {
    let text = text.trim();
    let (field, direction) = match text.rsplit_once(char::is_whitespace) {
        // A space inside backticks divides nothing.
        Some((field, word)) if !word.contains('`') => (field.trim_end(), word),
        _ => (text, "asc"),
    };
    let direction = match direction {
        word if word.eq_ignore_ascii_case("asc") => Direction::Ascending,
        word if word.eq_ignore_ascii_case("desc") => Direction::Descending,
        _ => return Err(invalid(text)),
    };
    let spaced = !field.ends_with('`') && field.contains(char::is_whitespace);
    if field.is_empty() || spaced {
        return Err(invalid(text));
    }
    check_field_path(field)?;
    Ok((field, direction))
}

fn invalid(clause: &str) -> Error {
    let clause: String = clause.chars().take(200).collect();
    Error::invalid(format!("Invalid order by clause \"{clause}\"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_directions_are_told_apart() {
        use Direction::{Ascending as Up, Descending as Down};
        for (text, keys) in [
            ("", vec![]),
            ("a", vec![("a", Up)]),
            (
                " a  desc , b.c ASC,__name__ Desc",
                vec![("a", Down), ("b.c", Up), ("__name__", Down)],
            ),
            ("`x, y` desc, `z w`", vec![("`x, y`", Down), ("`z w`", Up)]),
            (r"`\`, ` desc", vec![(r"`\`, `", Down)]),
        ] {
            assert_eq!(order(text).unwrap(), keys, "{text}");
        }
        for text in [",", "a,", "a b desc", "a up", "desc desc desc", "a desc desc"] {
            assert!(order(text).is_err(), "{text}");
        }
    }
}
