#![doc = include_str!("../README.md")]

pub mod check;
pub mod door;
pub mod episode;
pub mod fleet;
pub mod ground;
pub mod history;
pub mod nemesis;
pub mod observer;
pub mod outside;
pub mod skew;
pub mod tap;
pub mod worker;
