//! Watches, held against a scripted server for what no emulator shows, and against the emulator.

#[path = "../scripted/mod.rs"]
mod scripted;
