//! How many calls a second each server answers, and the CPU time that each takes it.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::runtime::Runtime;

use super::awake::Awake;
use super::calls::Op;
use super::{Side, Wire};
use crate::report::{Bar, Row};

/// What a side did in its turns.
#[derive(Default)]
struct Turns {
    rates: Vec<f64>,
    calls: usize,
    cpu: Duration,
    /// What the client spent meanwhile: neither server can be faster than that on a single thread.
    client_cpu: Duration,
}

impl Turns {
    fn cpu_per_call(&self) -> f64 {
        self.cpu.as_secs_f64() / self.calls as f64
    }

    fn client_cpu_per_call(&self) -> f64 {
        self.client_cpu.as_secs_f64() / self.calls as f64
    }
}

/// Every operation, one at a time and many at once.
pub fn run(wire: &Wire, rounds: usize) -> anyhow::Result<Vec<Row>> {
    for (side, length) in [(&wire.ours, WARM_UP), (&wire.official, WARM_UP_OF_A_JVM)] {
        wire.runtime.block_on(side.calls.fill())?;
        warm_up(&wire.runtime, side, length)?;
    }
    let mut rows = Vec::new();
    for op in Op::ALL {
        for load in LOADS {
            rows.extend(compare(wire, rounds, op, load)?);
        }
    }
    Ok(rows)
}

/// How a server is called.
#[derive(Clone, Copy)]
struct Load {
    in_flight: usize,
    /// Whether the processors are kept awake.
    awake: bool,
    /// How many times the official emulator's rate it takes.
    bar: Bar,
}

/// One call at a time leaves both processes asleep in turn: the bar is for the servers, not for how
/// long a machine takes to wake up, so the figure with sleep is only told. Many at once never sleep.
const LOADS: [Load; 3] = [
    Load { in_flight: 1, awake: true, bar: Bar::AtLeast(3.0) },
    Load { in_flight: 1, awake: false, bar: Bar::None },
    Load { in_flight: 64, awake: false, bar: Bar::AtLeast(4.0) },
];

impl Load {
    fn name(self) -> String {
        match self {
            Self { in_flight: 1, awake: true, .. } => "1 at a time".to_owned(),
            Self { in_flight: 1, .. } => "1, with sleep".to_owned(),
            Self { in_flight, .. } => format!("{in_flight} in flight"),
        }
    }
}

fn warm_up(runtime: &Runtime, side: &Side, length: Duration) -> anyhow::Result<()> {
    for op in Op::ALL {
        for in_flight in [64, 1] {
            turn(runtime, side, op, in_flight, length, &mut Turns::default())?;
        }
    }
    Ok(())
}

fn compare(wire: &Wire, rounds: usize, op: Op, load: Load) -> anyhow::Result<[Row; 2]> {
    let awake = load.awake.then(Awake::hold).transpose();
    let slept = awake.as_ref().err().map(|error| format!("; processors slept: {error}"));
    let (mut ours, mut official) = (Turns::default(), Turns::default());
    for round in 0..rounds {
        let mut ours = || turn(&wire.runtime, &wire.ours, op, load.in_flight, TURN, &mut ours);
        let mut official =
            || turn(&wire.runtime, &wire.official, op, load.in_flight, TURN, &mut official);
        if round % 2 == 0 {
            ours()?;
            official()?;
        } else {
            official()?;
            ours()?;
        }
    }
    let ratios = ours.rates.iter().zip(&official.rates).map(|(ours, official)| ours / official);
    let case = format!("{}, {}", op.name(), load.name());
    let (rate, its_rate) = (median(&ours.rates), median(&official.rates));
    let (cpu, its_cpu) = (ours.cpu_per_call(), official.cpu_per_call());
    Ok([
        Row {
            group: "wire",
            case: case.clone(),
            figure: "times its rate",
            ratio: median(&ratios.collect::<Vec<_>>()),
            bar: load.bar,
            context: format!(
                "{rate:.0} and {its_rate:.0} a second, the client at {:.1} and {:.1} µs a call{}",
                ours.client_cpu_per_call() * 1e6,
                official.client_cpu_per_call() * 1e6,
                slept.unwrap_or_default()
            ),
        },
        Row {
            group: "wire",
            case,
            figure: "times the server CPU",
            ratio: cpu / its_cpu,
            bar: if let Bar::None = load.bar { Bar::None } else { Bar::AtMost(A_THIRD) },
            context: format!("{:.1} and {:.1} µs a call", cpu * 1e6, its_cpu * 1e6),
        },
    ])
}

/// Calls `side` for about `length` with `in_flight` under way at once.
fn turn(
    runtime: &Runtime,
    side: &Side,
    op: Op,
    in_flight: usize,
    length: Duration,
    turns: &mut Turns,
) -> anyhow::Result<()> {
    let (cpu, client, start) = (side.server.cpu()?, ProcessTime::now(), Instant::now());
    let calls = stream::iter(0usize..)
        .take_while(|_| std::future::ready(start.elapsed() < length))
        .map(|n| {
            let calls = side.calls.clone();
            Ok::<_, anyhow::Error>(async move { calls.run(op, n).await.map(|()| 1) })
        })
        .try_buffer_unordered(in_flight)
        .try_fold(0, |sum, one| std::future::ready(Ok(sum + one)));
    let calls = runtime.block_on(calls)?;
    turns.rates.push(calls as f64 / start.elapsed().as_secs_f64());
    turns.client_cpu += client.elapsed();
    turns.calls += calls;
    turns.cpu += side.server.cpu()?.saturating_sub(cpu);
    Ok(())
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// A turn holds many of the hundredths of a second in which CPU time is counted.
const TURN: Duration = Duration::from_millis(400);
const WARM_UP: Duration = Duration::from_millis(500);
/// Of each operation, thousands of calls: a JVM that has just started would be measured while it
/// compiles itself.
const WARM_UP_OF_A_JVM: Duration = Duration::from_secs(6);
const A_THIRD: f64 = 0.333;
