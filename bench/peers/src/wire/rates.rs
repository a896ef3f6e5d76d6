//! How many calls a second each server answers, and the CPU time that each takes it.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use futures::future::try_join_all;
use tokio::runtime::Runtime;

use super::calls::Op;
use super::processors::{Apart, Awake};
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

/// How the servers are called.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    in_flight: usize,
    /// Whether the processors are kept awake.
    awake: bool,
    /// Whether ours is kept off the client's processor, so to a part of the machine. The official
    /// emulator always has all of it.
    apart: bool,
    /// How many times the official emulator's rate it takes.
    bar: Bar,
}

/// The bars are for the servers. How long a machine takes to wake a processor for each call, and
/// which processes it puts on the same one, is told beside them.
const LOADS: [Load; 4] = [
    Load { awake: true, bar: Bar::AtLeast(3.0), ..Load::of("1 at a time", 1) },
    Load::of("1, asleep between", 1),
    Load { apart: true, bar: Bar::AtLeast(4.0), ..Load::of("64 in flight", 64) },
    Load::of("64, wherever", 64),
];

impl Load {
    /// As the machine has it, and held against no bar.
    const fn of(name: &'static str, in_flight: usize) -> Self {
        Self { name, in_flight, awake: false, apart: false, bar: Bar::None }
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

/// A case's figures.
fn compare(wire: &Wire, rounds: usize, op: Op, load: Load) -> anyhow::Result<[Row; 2]> {
    let awake = load.awake.then(Awake::hold).transpose();
    let slept = awake.as_ref().err().map(|error| format!("; processors slept: {error}"));
    let (ours, official) = take_turns(wire, rounds, op, load)?;
    let ratios = ours.rates.iter().zip(&official.rates).map(|(ours, official)| ours / official);
    let (rate, its_rate) = (median(&ours.rates), median(&official.rates));
    let (cpu, its_cpu) = (ours.cpu_per_call(), official.cpu_per_call());
    let row = |figure, ratio, bar, context| Row {
        group: "wire",
        case: format!("{}, {}", op.name(), load.name),
        figure,
        ratio,
        bar,
        context,
    };
    let rates = format!(
        "{rate:.0} and {its_rate:.0} a second, the client at {:.1} and {:.1} µs a call{}",
        ours.client_cpu_per_call() * 1e6,
        official.client_cpu_per_call() * 1e6,
        slept.unwrap_or_default()
    );
    let bar = if op.measures_servers() { load.bar } else { Bar::None };
    let times = format!("{:.1} and {:.1} µs a call", cpu * 1e6, its_cpu * 1e6);
    let cpu_bar = match load.bar {
        Bar::None => Bar::None,
        _ => Bar::AtMost(A_THIRD),
    };
    Ok([
        row("times its rate", median(&ratios.collect::<Vec<_>>()), bar, rates),
        row("times the server CPU", cpu / its_cpu, cpu_bar, times),
    ])
}

/// What ours and the official one did in `rounds` turns each, the first of a round alternating.
fn take_turns(wire: &Wire, rounds: usize, op: Op, load: Load) -> anyhow::Result<(Turns, Turns)> {
    let apart = load.apart.then(Apart::new).transpose()?;
    let (mut ours, mut official) = (Turns::default(), Turns::default());
    for round in 0..rounds {
        for is_ours in [round % 2 == 0, round % 2 == 1] {
            let (side, turns) =
                if is_ours { (&wire.ours, &mut ours) } else { (&wire.official, &mut official) };
            let mut take = || turn(&wire.runtime, side, op, load.in_flight, TURN, turns);
            match &apart {
                Some(apart) if is_ours => apart.run(&side.server, take)??,
                _ => take()?,
            }
        }
    }
    Ok((ours, official))
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
    let callers = (0..in_flight).map(|first| {
        let calls = side.calls.clone();
        async move {
            let numbers = (first..).step_by(in_flight);
            let mut made = 0;
            for n in numbers.take_while(|_| start.elapsed() < length) {
                calls.run(op, n).await?;
                made += 1;
            }
            anyhow::Ok(made)
        }
    });
    // In a task beside the connection's: the runtime looks for events each time it goes from tasks to
    // what it blocks on.
    let made = runtime.block_on(runtime.spawn(try_join_all(callers)))??;
    let calls: usize = made.into_iter().sum();
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
const WARM_UP_OF_A_JVM: Duration = Duration::from_secs(5);
const A_THIRD: f64 = 0.333;
