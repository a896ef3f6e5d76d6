//! The official clients against our server and against the official emulator, side by side.

mod client;
mod comparison;
mod difference;
mod outcome;
mod server;

use std::thread;

use anyhow::{Context, Result, bail};

use client::{Client, Side};
use comparison::Comparison;
use difference::Listed;
use outcome::Scenario;
use server::Server;

use crate::emulator::Running;
use crate::{install, step, workspace};

/// Run the official Node and Python clients against `firekeep emulator` and the official emulator.
///
/// Every scenario of `interop/` runs on both. It fails if ours does not answer as production does,
/// or if the official emulator does not and `interop/differences.toml` does not say so.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask interop                              both clients, every scenario
  cargo xtask interop --client node --only listen  those of Node whose name has `listen` in it
  cargo xtask interop --server 127.0.0.1:8080      ours runs there already")]
pub(crate) struct Args {
    /// One client only.
    #[arg(long, value_enum, value_name = "CLIENT")]
    client: Option<Client>,

    /// Only the scenarios with this in their name.
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,

    /// A server of ours that runs already, instead of one that is built and started.
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let started = step::now();
    let clients = args.client.map_or(Client::ALL.to_vec(), |client| vec![client]);
    let listed = difference::read(&workspace::root().join("interop").join("differences.toml"))?;
    let needs: Vec<_> = clients.iter().flat_map(|client| client.needs()).copied().collect();
    install::provide(&needs)?;
    for client in &clients {
        client.prepare()?;
    }
    let emulator = Running::start()?;
    let server = Server::start(args.server.as_deref())?;
    println!("ours answers at {}, the official one at {}", server.host(), emulator.host());
    let mut comparison = Comparison::default();
    for (client, ours, theirs) in run_all(&clients, &args.only, server.host(), emulator.host())? {
        comparison.add(client, &ours, &theirs);
    }
    report(&comparison, &listed, &args.only)?;
    println!("{:.0} seconds", started.elapsed().as_secs_f64());
    Ok(())
}

type Pair = (Client, Vec<Scenario>, Vec<Scenario>);

/// Runs every client against both servers, all at the same time.
fn run_all(clients: &[Client], only: &str, ours: &str, theirs: &str) -> Result<Vec<Pair>> {
    thread::scope(|scope| {
        let mut running = vec![];
        for &client in clients {
            let ours = scope.spawn(move || client.run(Side::Ours, ours, only));
            let theirs = scope.spawn(move || client.run(Side::Theirs, theirs, only));
            running.push((client, ours, theirs));
        }
        let mut pairs = vec![];
        for (client, ours, theirs) in running {
            let ours = ours.join().ok().context("a thread ended early")??;
            let theirs = theirs.join().ok().context("a thread ended early")??;
            pairs.push((client, ours, theirs));
        }
        Ok(pairs)
    })
}

fn report(comparison: &Comparison, listed: &Listed, only: &str) -> Result<()> {
    print!("{comparison}");
    let verdict = comparison.judge(listed, only);
    if !verdict.is_empty() {
        bail!("{} steps are not as they should be\n\n{}", verdict.len(), verdict.join("\n"));
    }
    if comparison.is_empty() {
        bail!("no scenario has `{only}` in its name");
    }
    Ok(())
}
