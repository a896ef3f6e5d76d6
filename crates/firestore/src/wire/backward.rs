//! Writing messages from their end.
//!
//! A nested message follows its own length. Written forwards, every level has to be measured
//! before it is written; written backwards, its length is known when its turn comes.

/// A message under construction, last byte first.
#[derive(Debug)]
pub(crate) struct Backward {
    buffer: Vec<u8>,
    start: usize,
}

/// What follows a field's key.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
}

impl Backward {
    /// An empty message with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { buffer: vec![0; capacity], start: capacity }
    }

    /// What is written so far.
    pub(crate) fn written(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Puts bytes before those that are written.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > self.start {
            self.grow(bytes.len());
        }
        let start = self.start - bytes.len();
        self.buffer[start..self.start].copy_from_slice(bytes);
        self.start = start;
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let length = (self.len() + more).next_power_of_two().max(256) * 2;
        let mut buffer = vec![0; length];
        let start = length - self.len();
        buffer[start..].copy_from_slice(self.written());
        (self.buffer, self.start) = (buffer, start);
    }

    fn varint(&mut self, mut value: u64) {
        let mut bytes = [0; 10];
        let mut length = 0;
        while value >= 0x80 {
            bytes[length] = value as u8 | 0x80;
            value >>= 7;
            length += 1;
        }
        bytes[length] = value as u8;
        self.put(&bytes[..=length]);
    }

    fn key(&mut self, field: u32, wire: Wire) {
        self.varint(u64::from(field) << 3 | wire as u64);
    }

    /// A field that holds a number.
    pub(crate) fn number(&mut self, field: u32, value: u64) {
        self.varint(value);
        self.key(field, Wire::Varint);
    }

    /// A field that holds a double.
    pub(crate) fn double(&mut self, field: u32, value: f64) {
        self.put(&value.to_bits().to_le_bytes());
        self.key(field, Wire::Fixed64);
    }

    /// A field that holds bytes or text.
    pub(crate) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.put(value);
        self.varint(value.len() as u64);
        self.key(field, Wire::Bytes);
    }

    /// A field that holds whatever `content` writes, its last part first.
    pub(crate) fn message<T>(&mut self, field: u32, content: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.len();
        let written = content(self);
        self.varint((self.len() - before) as u64);
        self.key(field, Wire::Bytes);
        written
    }
}
