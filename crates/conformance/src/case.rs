//! A case: one named fact about a store, and how to show it.

use std::fmt;

use firekeep_core::Capability;
use futures::future::BoxFuture;

use crate::ctx::Ctx;

/// One fact that every store must show, as data.
///
/// A case panics if the fact does not hold. It touches only documents below the root of its
/// [`Ctx`], so cases may run at the same time in one database, and again in a used one.
#[derive(Clone, Copy)]
pub struct Case {
    /// `subject/fact`, unique in the suite.
    pub name: &'static str,
    /// Extras without which the fact can't be shown; a stack that lacks one skips the case.
    pub needs: &'static [Capability],
    /// Shows the fact, or panics.
    pub run: fn(Ctx) -> BoxFuture<'static, ()>,
}

impl Case {
    /// The subject: the part of the name before the slash.
    pub fn subject(&self) -> &'static str {
        self.name.split_once('/').map_or(self.name, |(subject, _)| subject)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("needs", &self.needs).finish()
    }
}

/// Lists the cases of one subject. A case function that is not listed is dead code, which the
/// compiler reports.
macro_rules! cases {
    ($subject:literal: $($name:ident $([$($need:ident),+])?),+ $(,)?) => {
        pub(crate) fn cases() -> Vec<$crate::Case> {
            vec![$($crate::Case {
                name: concat!($subject, "/", stringify!($name)),
                needs: &[$($(firekeep_core::Capability::$need),+)?],
                run: |cx| Box::pin($name(cx)),
            }),+]
        }
    };
}
pub(crate) use cases;
