//! The `authorization` header: where it comes from, and how long it is kept.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use firekeep_core::{Backoff, Clock, Effect, Error, ErrorKind, Result, async_trait};
use futures::lock::Mutex as AsyncMutex;
use http::HeaderValue;

/// A source of access tokens, for callers who bring their own.
///
/// `FirestoreStore` asks it when the first call is made, and again when four fifths of the token's
/// life are over. It keeps the token in between, so a source need not.
#[async_trait]
pub trait Credentials: fmt::Debug + Send + Sync + 'static {
    /// Fetches a token.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) if trying again may help,
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) if it can't. Either is tried three times.
    async fn token(&self) -> Result<Token>;
}

/// An access token, and for how long it is good.
#[derive(Clone)]
#[non_exhaustive]
pub struct Token {
    /// The whole value of the `authorization` header: `Bearer …`.
    pub header: String,
    /// How long the token is good from now on. `None` if the source does not say; it is then
    /// asked again every minute.
    pub lifetime: Option<Duration>,
}

impl Token {
    /// A bearer token that is good for `lifetime` from now on.
    pub fn bearer(token: &str, lifetime: Option<Duration>) -> Self {
        Self { header: format!("Bearer {token}"), lifetime }
    }
}

impl fmt::Debug for Token {
    /// Says nothing of the token itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// Every source of the `token-source` crate, so of the `gcloud-*` family, is one of ours. Those
/// keep their token themselves and don't say how long it is good.
#[async_trait]
impl Credentials for Arc<dyn token_source::TokenSource> {
    async fn token(&self) -> Result<Token> {
        let header = token_source::TokenSource::token(&**self).await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "the token source failed").with_source(error)
        })?;
        Ok(Token { header, lifetime: None })
    }
}

/// What a connection sends as `authorization`.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// Always the same.
    Fixed(HeaderValue),
    /// What the credentials give.
    Fetched(Arc<TokenCache>),
}

impl Auth {
    /// What the emulator takes for an administrator, whom no security rules bind.
    pub(crate) fn emulator() -> Self {
        Self::Fixed(HeaderValue::from_static("Bearer owner"))
    }

    /// The header, if none has to be fetched first.
    pub(crate) fn cached(&self) -> Option<HeaderValue> {
        match self {
            Self::Fixed(header) => Some(header.clone()),
            Self::Fetched(cache) => cache.fresh(),
        }
    }

    /// The header for a call made now.
    pub(crate) async fn header(&self) -> Result<HeaderValue> {
        match self {
            Self::Fixed(header) => Ok(header.clone()),
            Self::Fetched(cache) => cache.header().await,
        }
    }

    /// The server refused `header`: it is not sent again.
    pub(crate) fn refused(&self, header: &HeaderValue) {
        if let Self::Fetched(cache) = self {
            let mut state = cache.state();
            if state.token.as_ref().is_some_and(|kept| kept.header == header) {
                state.token = None;
            }
        }
    }
}

/// Keeps a token, and fetches the next in time.
///
/// One caller at a time fetches. While the old token is good the others go on with it; once it is
/// not, they wait for that one fetch and share its outcome, be it a token or an error.
#[derive(Debug)]
pub(crate) struct TokenCache {
    source: Arc<dyn Credentials>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held by whoever fetches.
    fetching: AsyncMutex<()>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Kept>,
    /// How many fetches have ended.
    fetches: u64,
    /// How the last one failed.
    failure: Option<(ErrorKind, String)>,
}

#[derive(Clone, Debug)]
struct Kept {
    header: HeaderValue,
    refresh_at: Instant,
    good_until: Instant,
}

impl TokenCache {
    pub(crate) fn new(source: Arc<dyn Credentials>, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, state: Mutex::default(), fetching: AsyncMutex::new(()) }
    }

    fn fresh(&self) -> Option<HeaderValue> {
        let state = self.state();
        let kept = state.token.as_ref()?;
        (self.clock.monotonic() < kept.refresh_at).then(|| kept.header.clone())
    }

    async fn header(&self) -> Result<HeaderValue> {
        let (kept, fetches) = {
            let state = self.state();
            (state.token.clone(), state.fetches)
        };
        let now = self.clock.monotonic();
        match kept {
            Some(kept) if now < kept.refresh_at => Ok(kept.header),
            Some(kept) if now < kept.good_until => {
                let Some(_fetching) = self.fetching.try_lock() else { return Ok(kept.header) };
                Ok(self.fetch().await.unwrap_or(kept.header))
            }
            _ => {
                let _fetching = self.fetching.lock().await;
                match self.outcome_since(fetches) {
                    Some(outcome) => outcome,
                    None => self.fetch().await,
                }
            }
        }
    }

    /// How a fetch ended that another caller made while this one waited for its turn.
    fn outcome_since(&self, fetches: u64) -> Option<Result<HeaderValue>> {
        let state = self.state();
        if state.fetches == fetches {
            return None;
        }
        match (&state.token, &state.failure) {
            (Some(kept), _) => Some(Ok(kept.header.clone())),
            (None, Some((kind, message))) => Some(Err(Error::new(*kind, message.clone()))),
            (None, None) => None,
        }
    }

    /// Fetches with [`ATTEMPTS`] attempts and notes the outcome.
    ///
    /// A caller that gives up meanwhile drops this future; the next one starts anew.
    async fn fetch(&self) -> Result<HeaderValue> {
        let outcome = self.try_fetch().await;
        let mut state = self.state();
        state.fetches += 1;
        match outcome {
            Ok(kept) => {
                let header = kept.header.clone();
                (state.token, state.failure) = (Some(kept), None);
                Ok(header)
            }
            Err(error) => {
                tracing::warn!(%error, "no access token");
                // The old token, if it is good still, serves until the next try.
                if let Some(kept) = &mut state.token {
                    kept.refresh_at = self.clock.monotonic() + RETRY_AFTER_FAILURE;
                }
                state.failure = Some((error.kind(), error.message().to_owned()));
                Err(error)
            }
        }
    }

    async fn try_fetch(&self) -> Result<Kept> {
        let mut attempt = 1;
        loop {
            // Life is counted from before the request, so that a slow answer shortens it.
            let asked_at = self.clock.monotonic();
            match self.source.token().await {
                Ok(token) => return keep(&token, asked_at),
                Err(error) if attempt == ATTEMPTS => return Err(unusable(error)),
                Err(error) => tracing::debug!(attempt, %error, "fetching a token failed"),
            }
            self.clock.sleep(BACKOFF.delay(attempt, None)).await;
            attempt += 1;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(token: &Token, asked_at: Instant) -> Result<Kept> {
    let mut header = HeaderValue::try_from(&token.header).map_err(|_| {
        Error::new(ErrorKind::Unauthenticated, "the access token does not fit into a header")
    })?;
    header.set_sensitive(true);
    let (refresh, good) = match token.lifetime {
        Some(lifetime) => (lifetime.mul_f64(REFRESH_AT), lifetime.saturating_sub(MARGIN)),
        None => (RECHECK, RECHECK * 2),
    };
    Ok(Kept { header, refresh_at: asked_at + refresh.min(good), good_until: asked_at + good })
}

/// Whatever a source answers, to a caller it is one of two: no credentials, or not now.
fn unusable(error: Error) -> Error {
    let kind = match error.kind() {
        kind @ (ErrorKind::Unauthenticated | ErrorKind::PermissionDenied) => kind,
        _ => ErrorKind::Unavailable,
    };
    let message = format!("no access token: {}", error.message());
    Error::new(kind, message).with_effect(Effect::None).with_source(error)
}

/// How often a fetch is tried before it fails.
const ATTEMPTS: u32 = 3;
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(2) };
/// After which part of its life a token is fetched anew.
const REFRESH_AT: f64 = 0.8;
/// How long before its end a token is no longer sent.
const MARGIN: Duration = Duration::from_secs(10);
/// When a source that names no lifetime is asked again.
const RECHECK: Duration = Duration::from_secs(60);
/// How long a good token serves after a refresh failed, before the next try.
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
