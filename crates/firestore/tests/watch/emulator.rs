//! Against the emulator.
