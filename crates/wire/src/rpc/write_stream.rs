//! Writes in a stream: each message is a commit.

use bytes::Bytes;
use firekeep_core::{Commit, Error, ErrorKind, Result};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use tonic::Status;

use crate::databases::Hosted;
use crate::grpc::{Answers, Requests};
use crate::name::DatabaseName;
use crate::proto::{WriteRequest, WriteResponse};
use crate::service::Call;
use crate::status::{refused, worded};
use crate::{decode, encode};

/// `Write`: the first message names the database and is answered with a token; each message after it
/// brings a token that it has seen and writes that are committed together. Ends when the client ends
/// its side or sends no writes, with the error of the first commit that fails.
pub(crate) fn write_stream(
    call: &Call,
    requests: Requests<WriteRequest>,
) -> Answers<WriteResponse> {
    let session = Session::new(call.clone(), requests.boxed());
    stream::unfold(session, |mut session| async move {
        session.next().await.map(|answer| (answer, session))
    })
    .boxed()
}

struct Session {
    call: Call,
    requests: BoxStream<'static, Result<WriteRequest, Status>>,
    /// The database that the first message names.
    database: Option<(DatabaseName, Hosted)>,
    tokens: Tokens,
    is_over: bool,
}

impl Session {
    fn new(call: Call, requests: BoxStream<'static, Result<WriteRequest, Status>>) -> Self {
        let tokens = Tokens { stream: fastrand::u64(..), acknowledged: 0, given: 0 };
        Self { call, requests, database: None, tokens, is_over: false }
    }

    async fn next(&mut self) -> Option<Result<WriteResponse>> {
        if self.is_over {
            return None;
        }
        let request = tokio::select! {
            biased;
            () = self.call.stopped() => {
                self.is_over = true;
                let why = "the server is shutting down";
                return Some(Err(Error::new(ErrorKind::Unavailable, why)));
            }
            request = self.requests.next() => request?,
        };
        let answer = match request {
            Ok(request) => self.request(request).await,
            Err(status) => Err(refused(&status)),
        };
        self.is_over |= answer.is_err();
        Some(answer)
    }

    async fn request(&mut self, request: WriteRequest) -> Result<WriteResponse> {
        if !request.stream_id.is_empty() {
            return Err(Error::invalid("resuming streams is not supported; set no stream ID"));
        }
        let Some((database, hosted)) = self.database.clone() else { return self.open(&request) };
        if !request.database.is_empty() && DatabaseName::new(&request.database)? != database {
            return Err(Error::invalid("the stream is one of another database"));
        }
        self.tokens.acknowledge(&request.stream_token)?;
        if request.writes.is_empty() {
            // Only the last message may have none.
            self.is_over = true;
            return Ok(WriteResponse { stream_token: self.tokens.give(), ..Default::default() });
        }
        let writes = request.writes.into_iter().map(|write| decode::write(&database, write));
        let commit = Commit::of_any_length(writes.collect::<Result<_>>()?)?;
        let committed = hosted.store().commit(&self.call.cx, commit).await;
        let committed = committed.map_err(|error| worded(error, &database))?;
        let committed = encode::committed(&database, &committed);
        Ok(WriteResponse {
            stream_id: String::new(),
            stream_token: self.tokens.give(),
            write_results: committed.write_results,
            commit_time: committed.commit_time,
        })
    }

    /// Answers the first message.
    fn open(&mut self, request: &WriteRequest) -> Result<WriteResponse> {
        if request.database.is_empty() {
            return Err(Error::invalid("the first message of a stream names the database"));
        }
        if !request.stream_token.is_empty() {
            return Err(Error::invalid("resuming streams is not supported; set no stream token"));
        }
        if !request.writes.is_empty() {
            return Err(Error::invalid("the first message of a stream has no writes"));
        }
        self.database = Some(self.call.database_called(&request.database)?);
        Ok(WriteResponse {
            stream_id: format!("{:016x}", self.tokens.stream),
            stream_token: self.tokens.give(),
            ..Default::default()
        })
    }
}

/// The tokens of a stream: who brings one has seen every answer up to the one it came with.
#[derive(Debug)]
struct Tokens {
    /// Tells streams apart.
    stream: u64,
    /// The last token that the client brought.
    acknowledged: u64,
    /// The last token given.
    given: u64,
}

impl Tokens {
    fn give(&mut self) -> Bytes {
        self.given += 1;
        Bytes::copy_from_slice(&[self.stream, self.given].map(u64::to_be_bytes).concat())
    }

    /// Takes note of what the client has seen. It may bring a token again while it has not seen
    /// later answers.
    fn acknowledge(&mut self, token: &Bytes) -> Result<()> {
        if token.is_empty() {
            return Err(Error::invalid("missing stream token"));
        }
        let number = token.strip_prefix(&self.stream.to_be_bytes()[..]);
        let number = number.and_then(|number| number.try_into().ok()).map(u64::from_be_bytes);
        match number {
            Some(number) if (self.acknowledged.max(1)..=self.given).contains(&number) => {
                self.acknowledged = number;
                Ok(())
            }
            _ => Err(Error::invalid("the stream token is invalid, or older than one sent before")),
        }
    }
}
