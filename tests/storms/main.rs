//! Storms: the real `guitai listen` under what the world does to it, and what must be true of its store afterwards.
//! `reliability` goals R1, R2, R3, R9 to R13 and R19; RELIABILITY.md has the figures.
//!
//! Every test has a small size, which `cargo test` runs, and the size of the goal, which `make storms` runs
//! (`GUITAI_STORM=full`). All dice are seeded: `GUITAI_SEED=N` plays another storm.

mod catchup;
mod cuts;
mod faults;
mod histories;
mod kills;
mod shop;
mod threats;
mod together;
mod trace;
mod upgrades;
