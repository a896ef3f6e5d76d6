//! How tonic comes to read our parts and to send what is written already.

use std::marker::PhantomData;

use bytes::{Buf, BufMut};
use firekeep_core::Result;
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic_prost::{ProstDecoder, ProstEncoder};

use super::backward::Backward;
use super::part::Part;
use super::reader::{Fault, Reader};
use crate::database::Database;

/// Sends generated messages `M` and reads parts `P`.
///
/// What is no message at all fails the call. A message that says what it may not say is an item of
/// its own, because a status can't tell which document it is about.
#[derive(Debug)]
pub(crate) struct Direct<M, P> {
    database: Database,
    types: PhantomData<(M, P)>,
}

impl<M, P> Direct<M, P> {
    /// For answers about documents of `database`.
    pub(crate) fn new(database: Database) -> Self {
        Self { database, types: PhantomData }
    }
}

impl<M, P> Codec for Direct<M, P>
where
    M: Message + Send + 'static,
    P: Part + Send + 'static,
{
    type Encode = M;
    type Decode = Result<P>;
    type Encoder = ProstEncoder<M>;
    type Decoder = Direct<(), P>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Direct::new(self.database.clone())
    }
}

impl<P: Part> Decoder for Direct<(), P> {
    type Item = Result<P>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let length = buffer.remaining();
        // tonic gathers a message before it is decoded, so it lies in one piece.
        let part = if buffer.chunk().len() == length {
            let part = P::read(&self.database, Reader::new(buffer.chunk()));
            buffer.advance(length);
            part
        } else {
            P::read(&self.database, Reader::new(&buffer.copy_to_bytes(length)))
        };
        match part {
            Ok(part) => Ok(Some(Ok(part))),
            Err(Fault::Refused(error)) => Ok(Some(Err(error))),
            Err(Fault::Malformed(why)) => {
                Err(Status::internal(format!("the answer can't be read: {why}")))
            }
        }
    }
}

/// What can be sent, with its size known before.
pub(crate) trait Outgoing: Send + Sync + 'static {
    /// How many bytes it takes.
    fn size(&self) -> usize;
}

impl<M: Message + 'static> Outgoing for M {
    fn size(&self) -> usize {
        self.encoded_len()
    }
}

/// A message that is written already.
#[derive(Debug)]
pub(crate) struct Encoded(pub(crate) Backward);

impl Outgoing for Encoded {
    fn size(&self) -> usize {
        self.0.written().len()
    }
}

/// Sends what is written already and reads generated messages `R`.
#[derive(Debug)]
pub(crate) struct Sent<R>(PhantomData<R>);

impl<R> Default for Sent<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<R: Message + Default + 'static> Codec for Sent<R> {
    type Encode = Encoded;
    type Decode = R;
    type Encoder = Sent<()>;
    type Decoder = ProstDecoder<R>;

    fn encoder(&mut self) -> Self::Encoder {
        Sent::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::default()
    }
}

impl Encoder for Sent<()> {
    type Item = Encoded;
    type Error = Status;

    fn encode(&mut self, message: Encoded, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(message.0.written());
        Ok(())
    }
}
