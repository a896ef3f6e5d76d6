//! A breadth-first search of every state that can be reached, and of the way to the first that breaks a rule.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use super::action::{self, Action};
use super::property::{self, Property};
use super::protocol::Protocol;
use super::state::State;
use super::tally::Tally;

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    /// The longest of the shortest ways to a state.
    pub(crate) depth: usize,
    pub(crate) tally: Tally,
    pub(crate) broken: Option<Broken>,
}

/// A rule that doesn't hold, and the shortest run that shows it.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) property: Property,
    pub(crate) run: Vec<Action>,
    pub(crate) end: State,
}

/// Searches until the states are exhausted or a rule is broken.
pub(crate) fn search(protocol: &Protocol) -> Found {
    search_for(protocol, property::broken)
}

/// The same, with the rules of the caller.
pub(crate) fn search_for(
    protocol: &Protocol,
    rule: fn(&Protocol, &State) -> Option<Property>,
) -> Found {
    let mut graph = Graph::new();
    let mut actions = Vec::new();
    let (mut steps, mut at) = (0, 0);
    while at < graph.states.len() {
        let state = graph.states[at];
        if let Some(property) = rule(protocol, &state) {
            return graph.found(steps, Some((property, at)));
        }
        actions.clear();
        action::enabled(protocol, &state, &mut actions);
        for action in &actions {
            let next = action::step(protocol, &state, *action, &mut graph.tally);
            let to = graph.reach(next, at, *action);
            if !action.is_fault() {
                graph.good.push((at as u32, to));
            }
            steps += 1;
        }
        at += 1;
    }
    let stuck = graph.stuck().map(|at| (Property::Recovery, at));
    graph.found(steps, stuck)
}

/// The states that were reached, in the order of their distance from the start.
struct Graph {
    states: Vec<State>,
    /// How each was reached first.
    from: Vec<(u32, Action)>,
    index: HashMap<State, u32, BuildHasherDefault<Fold>>,
    /// Steps that are no fault.
    good: Vec<(u32, u32)>,
    tally: Tally,
}

impl Graph {
    fn new() -> Self {
        let mut graph = Self {
            states: Vec::new(),
            from: Vec::new(),
            index: HashMap::default(),
            good: Vec::new(),
            tally: Tally::default(),
        };
        graph.reach(State::START, 0, Action::Tick([0; super::state::CLIENTS]));
        graph
    }

    fn reach(&mut self, state: State, from: usize, action: Action) -> u32 {
        let next = self.states.len() as u32;
        match self.index.entry(state) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                new.insert(next);
                self.states.push(state);
                self.from.push((from as u32, action));
                next
            }
        }
    }

    /// A state from which no client can come to hold any more.
    fn stuck(&self) -> Option<usize> {
        let mut recovers: Vec<bool> = self.states.iter().map(holds_somebody).collect();
        let backwards = Backwards::new(self.states.len(), &self.good);
        let mut open: Vec<u32> =
            (0..self.states.len() as u32).filter(|at| recovers[*at as usize]).collect();
        while let Some(at) = open.pop() {
            for before in backwards.before(at) {
                if !std::mem::replace(&mut recovers[*before as usize], true) {
                    open.push(*before);
                }
            }
        }
        recovers.iter().position(|recovers| !recovers)
    }

    fn found(self, steps: usize, broken: Option<(Property, usize)>) -> Found {
        let broken = broken.map(|(property, at)| Broken {
            property,
            run: self.run_to(at),
            end: self.states[at],
        });
        let last = self.states.len() - 1;
        let depth = self.run_to(last).len();
        Found { states: self.states.len(), steps, depth, tally: self.tally, broken }
    }

    fn run_to(&self, mut at: usize) -> Vec<Action> {
        let mut run = Vec::new();
        while at != 0 {
            let (from, action) = self.from[at];
            run.push(action);
            at = from as usize;
        }
        run.reverse();
        run
    }
}

fn holds_somebody(state: &State) -> bool {
    state.clients.iter().any(super::state::Client::believes)
}

/// The steps, by where they lead.
struct Backwards {
    /// Where the steps to each state start in `from`.
    start: Vec<u32>,
    from: Vec<u32>,
}

impl Backwards {
    fn new(states: usize, steps: &[(u32, u32)]) -> Self {
        let mut start = vec![0; states + 1];
        for (_, to) in steps {
            start[*to as usize + 1] += 1;
        }
        for at in 0..states {
            start[at + 1] += start[at];
        }
        let mut fill = start.clone();
        let mut from = vec![0; steps.len()];
        for (before, to) in steps {
            let place = &mut fill[*to as usize];
            from[*place as usize] = *before;
            *place += 1;
        }
        Self { start, from }
    }

    fn before(&self, at: u32) -> &[u32] {
        let range = self.start[at as usize] as usize..self.start[at as usize + 1] as usize;
        &self.from[range]
    }
}

/// A hash that is quick without optimisation: tests are built so, and half of a search would go into the usual one.
#[derive(Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u8(*byte);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u8(value as u8);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u8(value as u8);
    }
}
