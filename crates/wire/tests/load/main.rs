//! Many streams and large messages: what each costs, and that it ends.

mod ground;
mod memory;
mod sizes;
mod stop;
mod streams;
