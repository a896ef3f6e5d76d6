use std::sync::atomic::{AtomicU32, Ordering};

use firekeep_core::ManualClock;
use futures::FutureExt;
use futures::future::{join, join_all};

use super::*;

/// Gives token 1, 2, 3 …, but fails the fetches whose numbers are in `failing`.
#[derive(Debug)]
struct Counting {
    asked: Arc<AtomicU32>,
    failing: std::ops::Range<u32>,
    lifetime: Option<Duration>,
    /// Fetches wait here, so that a test can see what happens meanwhile.
    gate: Option<Arc<AsyncMutex<()>>>,
}

#[async_trait]
impl Credentials for Counting {
    async fn token(&self) -> Result<Token> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(gate) = &self.gate {
            drop(gate.lock().await);
        }
        if self.failing.contains(&number) {
            return Err(Error::new(ErrorKind::Unavailable, "the metadata server is busy"));
        }
        Ok(Token::bearer(&number.to_string(), self.lifetime))
    }
}

struct Bench {
    cache: TokenCache,
    clock: ManualClock,
    asked: Arc<AtomicU32>,
}

const HOUR: Duration = Duration::from_secs(3600);

fn bench(failing: std::ops::Range<u32>, lifetime: Option<Duration>) -> Bench {
    gated(failing, lifetime, None)
}

fn gated(
    failing: std::ops::Range<u32>,
    lifetime: Option<Duration>,
    gate: Option<Arc<AsyncMutex<()>>>,
) -> Bench {
    let (clock, asked) = (ManualClock::new(), Arc::new(AtomicU32::new(0)));
    let source = Counting { asked: Arc::clone(&asked), failing, lifetime, gate };
    let cache = TokenCache::new(Arc::new(source), Arc::new(clock.clone()));
    Bench { cache, clock, asked }
}

impl Bench {
    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits for `future`, moving the clock to each next wake-up.
    async fn drive<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            if let Some(done) = future.as_mut().now_or_never() {
                return done;
            }
            let wake = self.clock.next_wake().expect("it waits for the clock alone");
            self.clock.advance(wake);
        }
    }
}

#[tokio::test]
async fn a_token_is_asked_for_late_and_kept() {
    let bench = bench(0..0, Some(HOUR));
    assert_eq!(bench.asked(), 0);
    assert_eq!(bench.cache.fresh(), None);
    for _ in 0..3 {
        assert_eq!(bench.cache.header().await.unwrap(), "Bearer 1");
    }
    assert!(bench.cache.fresh().unwrap().is_sensitive());
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn it_is_fetched_anew_when_four_fifths_of_its_life_are_over() {
    let bench = bench(0..0, Some(HOUR));
    bench.cache.header().await.unwrap();
    bench.clock.advance(HOUR * 4 / 5 - Duration::from_secs(1));
    assert_eq!(bench.cache.header().await.unwrap(), "Bearer 1");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.cache.header().await.unwrap(), "Bearer 2");
}

#[tokio::test]
async fn a_source_that_names_no_lifetime_is_asked_every_minute() {
    let bench = bench(0..0, None);
    bench.cache.header().await.unwrap();
    bench.clock.advance(RECHECK - Duration::from_secs(1));
    assert_eq!(bench.cache.header().await.unwrap(), "Bearer 1");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.cache.header().await.unwrap(), "Bearer 2");
}

#[tokio::test]
async fn many_callers_make_one_fetch() {
    let bench = bench(0..0, Some(HOUR));
    let headers = join_all((0..64).map(|_| bench.cache.header())).await;
    assert!(headers.into_iter().all(|header| header.unwrap() == "Bearer 1"));
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn while_one_refreshes_the_others_use_the_old_token() {
    let gate = Arc::new(AsyncMutex::new(()));
    let bench = gated(0..0, Some(HOUR), Some(Arc::clone(&gate)));
    bench.cache.header().await.unwrap();
    bench.clock.advance(HOUR * 4 / 5);
    let held = gate.lock().await;
    let mut refreshing = Box::pin(bench.cache.header());
    assert!(refreshing.as_mut().now_or_never().is_none());
    for _ in 0..64 {
        assert_eq!(bench.cache.header().await.unwrap(), "Bearer 1");
    }
    drop(held);
    assert_eq!(refreshing.await.unwrap(), "Bearer 2");
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn a_fetch_is_tried_three_times() {
    let bench = bench(1..3, Some(HOUR));
    let header = bench.drive(bench.cache.header()).await.unwrap();
    assert_eq!((header, bench.asked()), (HeaderValue::from_static("Bearer 3"), 3));
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_and_not_by_those_who_come_later() {
    let bench = bench(1..4, Some(HOUR));
    let both = join(bench.cache.header(), bench.cache.header());
    let (first, second) = bench.drive(both).await;
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::None));
        assert!(error.to_string().contains("metadata server"), "{error}");
    }
    assert_eq!(bench.asked(), 3, "the second caller waited for the first one's fetch");
    assert_eq!(bench.cache.header().await.unwrap(), "Bearer 4");
}

#[tokio::test]
async fn a_failed_refresh_leaves_the_old_token_until_its_end() {
    let bench = bench(2..u32::MAX, Some(HOUR));
    bench.cache.header().await.unwrap();
    bench.clock.advance(HOUR * 4 / 5);
    assert_eq!(bench.drive(bench.cache.header()).await.unwrap(), "Bearer 1");
    assert_eq!(bench.asked(), 4);
    assert_eq!(bench.cache.header().await.unwrap(), "Bearer 1");
    assert_eq!(bench.asked(), 4, "the next try waits");
    bench.clock.advance(HOUR / 5);
    assert!(bench.drive(bench.cache.header()).await.is_err());
}

#[tokio::test]
async fn a_token_that_was_refused_is_not_sent_again() {
    let bench = bench(0..0, Some(HOUR));
    let cache = Arc::new(bench.cache);
    let auth = Auth::Fetched(Arc::clone(&cache));
    let refused = auth.header().await.unwrap();
    auth.refused(&refused);
    assert_eq!(auth.header().await.unwrap(), "Bearer 2");
    auth.refused(&refused);
    assert_eq!(auth.header().await.unwrap(), "Bearer 2", "an old refusal says nothing of the new");
}

#[tokio::test]
async fn a_caller_who_gives_up_leaves_the_fetch_to_the_next() {
    let gate = Arc::new(AsyncMutex::new(()));
    let bench = gated(0..0, Some(HOUR), Some(Arc::clone(&gate)));
    let held = gate.lock().await;
    let mut given_up = Box::pin(bench.cache.header());
    assert!(given_up.as_mut().now_or_never().is_none());
    drop(given_up);
    drop(held);
    assert_eq!(bench.cache.header().await.unwrap(), "Bearer 2");
}

#[tokio::test]
async fn a_token_is_never_shown() {
    let token = Token::bearer("secret", None);
    assert!(!format!("{token:?}").contains("secret"));
    let bench = bench(0..0, Some(HOUR));
    bench.cache.header().await.unwrap();
    assert!(!format!("{:?}", bench.cache).contains("Bearer"), "{:?}", bench.cache);
}

#[tokio::test]
async fn sources_of_the_gcloud_family_can_be_plugged_in() {
    #[derive(Debug)]
    struct Plain;
    #[async_trait]
    impl token_source::TokenSource for Plain {
        async fn token(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
            Ok("Bearer x".to_owned())
        }
    }
    let source: Arc<dyn token_source::TokenSource> = Arc::new(Plain);
    let token = Credentials::token(&source).await.unwrap();
    assert_eq!((&*token.header, token.lifetime), ("Bearer x", None));
}
