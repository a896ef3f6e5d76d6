//! Each fault strikes as it was scripted, and as its plan and seed draw it.

mod calls;
mod door;
mod ground;
mod limits;
mod listen;
mod plans;
mod replay;
mod streams;
