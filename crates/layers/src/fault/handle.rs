//! What a test holds to direct the faults.

use std::sync::Arc;

use firekeep_core::Operation;

use super::injector::Injector;
use super::rates::Fault;

/// Directs the faults of one [`FaultLayer`](crate::FaultLayer). Clones direct the same ones.
#[derive(Clone, Debug)]
pub struct FaultHandle(Arc<Injector>);

impl FaultHandle {
    pub(super) fn new(injector: Arc<Injector>) -> Self {
        Self(injector)
    }

    /// Strikes the next call of `operation`, or, for [`Cut`](Fault::Cut), [`Reset`](Fault::Reset)
    /// and [`Coalesce`](Fault::Coalesce), the next event of any of its streams. Scripted several
    /// times, the faults strike one after the other. Scripted faults go before drawn ones.
    ///
    /// # Panics
    /// If `fault` can't strike `operation`: a script that never comes true makes a test that can't
    /// fail.
    pub fn next(&self, operation: Operation, fault: Fault) {
        check(operation, fault);
        self.0.script(operation, None, fault);
    }

    /// Strikes the `nth` call or event from now on; 1 is the next.
    ///
    /// # Panics
    /// As [`FaultHandle::next`].
    pub fn nth(&self, operation: Operation, nth: u64, fault: Fault) {
        check(operation, fault);
        self.0.script(operation, Some(nth), fault);
    }

    /// Draws no more faults and forgets the scripted ones that did not strike yet. What is scripted
    /// from now on strikes; late commits still arrive.
    pub fn quiet(&self) {
        self.0.set_quiet(true);
    }

    /// Draws faults again after [`quiet`](FaultHandle::quiet).
    pub fn resume(&self) {
        self.0.set_quiet(false);
    }

    /// Lets every late commit arrive, in the order in which they were due, with the preconditions
    /// that they were sent with. Answers how many there were.
    ///
    /// # Cancellation
    /// The commit under way may be lost; the others stay late.
    pub async fn release_late(&self) -> usize {
        self.0.deliver_all().await
    }

    /// How many commits are late at present.
    pub fn late(&self) -> usize {
        self.0.late_count()
    }

    /// How many faults have struck so far.
    pub fn injected(&self) -> u64 {
        self.0.injected()
    }
}

fn check(operation: Operation, fault: Fault) {
    assert!(fault.applies_to(operation), "{fault:?} can't strike a {operation}");
}
