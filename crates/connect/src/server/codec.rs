//! Messages as bytes: Protobuf's decoder has no bound on nesting, [`millstream_sql::nesting`] has.

use std::marker::PhantomData;

use millstream_sql::nesting;
use prost::Message;
use prost::bytes::Buf;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::ProstCodec;

/// Answers of type `A` to requests of type `R`.
#[derive(Debug)]
pub(crate) struct MessageCodec<A, R>(PhantomData<(A, R)>);

impl<A, R> Default for MessageCodec<A, R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<A, R> Codec for MessageCodec<A, R>
where
    A: Message + Send + 'static,
    R: Message + Default + Send + 'static,
{
    type Encode = A;
    type Decode = R;
    type Encoder = <ProstCodec<A, R> as Codec>::Encoder;
    type Decoder = RequestDecoder<R>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<A, R>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        RequestDecoder(PhantomData)
    }
}

/// Reads a request whole.
#[derive(Debug)]
pub(crate) struct RequestDecoder<R>(PhantomData<R>);

impl<R: Message + Default + Send> Decoder for RequestDecoder<R> {
    type Item = R;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<R>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        nesting::decode(&bytes).map(Some).map_err(|error| crate::error::status(&error, None))
    }
}
