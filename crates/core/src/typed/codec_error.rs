//! What does not fit, and where.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::Error;

/// An error of the codec, with the steps from the document to the field, innermost first.
#[derive(Debug)]
pub(crate) struct CodecError {
    message: String,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Element(usize),
}

impl CodecError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), steps: Vec::new() }
    }

    pub(crate) fn in_field(mut self, name: &str) -> Self {
        self.steps.push(Step::Field(name.to_owned()));
        self
    }

    pub(crate) fn in_element(mut self, index: usize) -> Self {
        self.steps.push(Step::Element(index));
        self
    }

    pub(crate) fn into_invalid(self) -> Error {
        self.placed(Error::invalid)
    }

    pub(crate) fn into_decode(self) -> Error {
        self.placed(Error::decode)
    }

    fn placed(self, make: fn(String) -> Error) -> Error {
        let place = self.place();
        let error = make(self.message);
        if place.is_empty() { error } else { error.at_path(place) }
    }

    /// The field's path from the document: `address.lines[2]`.
    fn place(&self) -> String {
        let mut place = String::new();
        for step in self.steps.iter().rev() {
            match step {
                Step::Field(name) if place.is_empty() => place.push_str(name),
                Step::Field(name) => {
                    place.push('.');
                    place.push_str(name);
                }
                Step::Element(index) => place.push_str(&format!("[{index}]")),
            }
        }
        place
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}

impl std::error::Error for CodecError {}

impl serde::ser::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

/// Serde's own texts show values; these name types.
impl serde::de::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found {}", type_of(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found another {}", type_of(&found)))
    }

    fn unknown_variant(_variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("an unknown variant, expected one of {}", expected.join(", ")))
    }
}

fn type_of(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "integer",
        Unexpected::Float(_) => "double",
        Unexpected::Char(_) | Unexpected::Str(_) => "string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "array",
        Unexpected::NewtypeStruct | Unexpected::Map => "map",
        _ => "variant",
    }
}
