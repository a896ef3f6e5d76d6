//! The wire format of protocol buffers (<https://protobuf.dev/programming-guides/encoding/>).

use firekeep_core::Error;

/// Why a message can't be read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is no message.
    Malformed(&'static str),
    /// It is one, and says what it may not say.
    Refused(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// A field's number, and how its content is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A number in up to ten bytes.
    Varint(u32),
    /// Eight bytes.
    Fixed64(u32),
    /// A length and as many bytes.
    Bytes(u32),
    /// Four bytes.
    Fixed32(u32),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The next field's key; `None` at the end.
    pub(crate) fn key(&mut self) -> Result<Option<Key>, Fault> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = u32::try_from(self.varint()?).unwrap_or(0);
        let number = key >> 3;
        if number == 0 {
            return Err(Fault::Malformed("a field's number is out of range"));
        }
        match key & 7 {
            0 => Ok(Some(Key::Varint(number))),
            1 => Ok(Some(Key::Fixed64(number))),
            2 => Ok(Some(Key::Bytes(number))),
            5 => Ok(Some(Key::Fixed32(number))),
            _ => Err(Fault::Malformed("a field has no type that proto3 knows")),
        }
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0;
        for (index, byte) in self.0.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                // The tenth byte holds one bit.
                if index == 9 && *byte > 1 {
                    break;
                }
                self.0 = &self.0[index + 1..];
                return Ok(value);
            }
        }
        Err(Fault::Malformed("a number has no end"))
    }

    pub(crate) fn fixed64(&mut self) -> Result<u64, Fault> {
        let (value, rest) =
            self.0.split_first_chunk().ok_or(Fault::Malformed("a number is cut off"))?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*value))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.varint()?;
        let split = usize::try_from(length).ok().and_then(|at| self.0.split_at_checked(at));
        let (value, rest) = split.ok_or(Fault::Malformed("a field is cut off"))?;
        self.0 = rest;
        Ok(value)
    }

    pub(crate) fn message(&mut self) -> Result<Reader<'a>, Fault> {
        self.bytes().map(Reader)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Fault::Malformed("a text is not UTF-8"))
    }

    /// Passes over the content of a field that means nothing to us.
    pub(crate) fn skip(&mut self, key: Key) -> Result<(), Fault> {
        match key {
            Key::Varint(_) => self.varint().map(|_| ()),
            Key::Fixed64(_) => self.fixed64().map(|_| ()),
            Key::Bytes(_) => self.bytes().map(|_| ()),
            Key::Fixed32(_) => {
                self.0 = self.0.get(4..).ok_or(Fault::Malformed("a number is cut off"))?;
                Ok(())
            }
        }
    }
}
