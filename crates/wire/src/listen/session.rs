//! A stream of changes while it lasts: what the client asks for, what is told.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use firekeep_core::{Error, ErrorKind, Result, Timestamp};
use futures::StreamExt;
use futures::stream::BoxStream;
use tonic::Status;

use super::message::{self, Message};
use super::target::Target;
use super::targets::Targets;
use super::telling::Telling;
use crate::databases::Hosted;
use crate::faults;
use crate::name::DatabaseName;
use crate::proto::listen_request::TargetChange;
use crate::proto::{self, ListenRequest, ListenResponse};
use crate::service::Call;
use crate::status::{refused, worded};

/// A stream of changes.
pub(super) struct Session {
    call: Call,
    requests: BoxStream<'static, Result<ListenRequest, Status>>,
    /// The database that the first message names.
    database: Option<(DatabaseName, Hosted)>,
    targets: Targets,
    /// What to send, before anything else is looked at.
    messages: VecDeque<Message>,
    /// The last time for the whole stream; it never goes back.
    told: Timestamp,
    /// The last id that the server chose; 0 if it chose none.
    chosen: i32,
    is_over: bool,
}

impl Session {
    pub(super) fn new(
        call: Call,
        requests: BoxStream<'static, Result<ListenRequest, Status>>,
    ) -> Self {
        Self {
            call,
            requests,
            database: None,
            targets: Targets::default(),
            messages: VecDeque::new(),
            told: Timestamp::MIN,
            chosen: 0,
            is_over: false,
        }
    }

    /// The next message; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Result<ListenResponse>> {
        loop {
            if let (Some((database, _)), Some(message)) =
                (&self.database, self.messages.pop_front())
            {
                let response_type = Some(message.into_proto(database));
                return Some(Ok(ListenResponse { response_type }));
            }
            if self.is_over {
                return None;
            }
            if let Err(error) = self.step().await {
                self.is_over = true;
                self.messages.clear();
                return Some(Err(error));
            }
        }
    }

    /// Waits for one thing to happen, and turns it into messages.
    async fn step(&mut self) -> Result<()> {
        let Self { call, requests, database, targets, .. } = self;
        let gathered = poll_fn(|task| match database {
            Some((_, hosted)) => targets.poll(task, &**hosted.store(), &call.cx),
            None => Poll::Pending,
        });
        tokio::select! {
            biased;
            () = call.stopped() => {
                Err(Error::new(ErrorKind::Unavailable, "the server is shutting down"))
            }
            request = requests.next() => match request {
                Some(Ok(request)) => self.request(request),
                Some(Err(status)) => Err(refused(&status)),
                None => {
                    self.is_over = true;
                    Ok(())
                }
            },
            () = gathered => self.tell().await,
        }
    }

    /// Does what the client asks.
    fn request(&mut self, request: ListenRequest) -> Result<()> {
        let (database, hosted) = self.database(&request.database)?;
        match request.target_change {
            Some(TargetChange::AddTarget(target)) => self.add(&database, &hosted, target),
            Some(TargetChange::RemoveTarget(id)) => {
                if self.targets.remove(id).is_some() {
                    self.messages.push_back(message::remove(id, None));
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The stream's database: what the first message names, and no later one may change.
    fn database(&mut self, name: &str) -> Result<(DatabaseName, Hosted)> {
        match &self.database {
            None => {
                let of = self.call.database_called(name)?;
                Ok(self.database.insert(of).clone())
            }
            Some(of) if name.is_empty() || DatabaseName::new(name)? == of.0 => Ok(of.clone()),
            Some(_) => Err(Error::invalid("the stream is one of another database")),
        }
    }

    fn add(
        &mut self,
        database: &DatabaseName,
        hosted: &Hosted,
        target: proto::Target,
    ) -> Result<()> {
        let id = match target.target_id {
            0 => self.choose(),
            id if id < 0 => return Err(Error::invalid("a target's id is negative")),
            id if self.targets.contains(id) => {
                return Err(Error::invalid(format!("the target {id} is active already")));
            }
            id if self.chosen > 0 => {
                let why = "the server chooses the ids of this stream's targets";
                self.messages.push_back(message::remove(id, Some(&Error::invalid(why))));
                return Ok(());
            }
            id => id,
        };
        let project = database.project();
        let open = |request| faults::watch(&self.call, project, hosted.store(), request);
        match Target::new(id, database, target, open) {
            Ok(target) => {
                self.targets.insert(target);
                self.messages.push_back(message::add(id));
            }
            Err(error) => {
                let cause = worded(error, database);
                self.messages.push_back(message::remove(id, Some(&cause)));
            }
        }
        Ok(())
    }

    /// An id that no target has.
    fn choose(&mut self) -> i32 {
        loop {
            self.chosen = self.chosen.checked_add(1).unwrap_or(1);
            if !self.targets.contains(self.chosen) {
                return self.chosen;
            }
        }
    }

    /// Tells what has gathered, and as of when all of it is true.
    async fn tell(&mut self) -> Result<()> {
        let Some((database, hosted)) = &self.database else { return Ok(()) };
        for target in self.targets.take_failed() {
            match target.gathered.failed {
                Some(error) if ends_stream(error.kind()) => return Err(error),
                cause => {
                    let cause = cause.map(|error| worded(error, database));
                    self.messages.push_back(message::remove(target.id, cause.as_ref()));
                }
            }
        }
        // All agree, so that each is true as of the latest time.
        self.told = self.targets.upto().max(Some(self.told)).unwrap_or(self.told);
        let mut telling = Telling::new(&self.call.cx, database, &**hosted.store(), self.told);
        for target in self.targets.iter_mut() {
            if let Some((position, _)) = target.gathered.upto.take() {
                telling.target(target, &position).await;
            }
        }
        let (messages, done) = telling.close(self.targets.len() > 1);
        self.messages.extend(messages);
        done.into_iter().for_each(|id| drop(self.targets.remove(id)));
        Ok(())
    }
}

/// Whether a new stream may fare better, so that there is no point in removing a target.
fn ends_stream(kind: ErrorKind) -> bool {
    use ErrorKind::{
        Aborted, Cancelled, DeadlineExceeded, Internal, ResourceExhausted, Unauthenticated,
        Unavailable, Unknown,
    };
    matches!(
        kind,
        Aborted
            | Cancelled
            | DeadlineExceeded
            | Internal
            | ResourceExhausted
            | Unauthenticated
            | Unavailable
            | Unknown
    )
}
