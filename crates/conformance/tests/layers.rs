//! The suite on memory under each layer and under all of them: a layer that does nothing special
//! must not be noticed.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use firekeep_conformance::{Harness, INDEXES, Source, run_each};
use firekeep_core::{Clock, Db, SystemClock};
use firekeep_layers::{
    CheckLayer, FaultLayer, MeterLayer, ObserveLayer, RetryLayer, Stack, TracingObserver,
};
use firekeep_memory::{IndexFile, MemoryStore};

fn main() -> ExitCode {
    let harnesses = [
        Harness::new("fault", under(|stack| stack.with(quiet()))),
        Harness::new("meter", under(|stack| stack.with(MeterLayer::new()))),
        Harness::new("retry", under(|stack| stack.with(RetryLayer::new(clock())))),
        Harness::new("check", under(|stack| stack.with(CheckLayer))),
        Harness::new("observe", under(|stack| stack.with(observe()))),
        Harness::new("stack", under(all)),
    ];
    run_each(harnesses).exit_code()
}

fn all(stack: Stack) -> Stack {
    let stack = stack.with(quiet()).with(MeterLayer::new()).with(RetryLayer::new(clock()));
    stack.with(CheckLayer).with(observe())
}

fn quiet() -> FaultLayer {
    FaultLayer::new(0, clock())
}

fn observe() -> ObserveLayer {
    ObserveLayer::new(clock()).observer(TracingObserver)
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

async fn under(wrap: fn(Stack) -> Stack) -> Source {
    let indexes = match IndexFile::parse(INDEXES) {
        Ok(indexes) => indexes,
        Err(error) => return Source::Missing(error.to_string()),
    };
    let memory = MemoryStore::builder().indexes(indexes).lock_wait(Duration::from_millis(100));
    match wrap(Stack::new(memory.build())).build() {
        Ok(store) => Source::Ready(Db::from_arc(store)),
        Err(error) => Source::Missing(error.to_string()),
    }
}
