//! What whole-house tests share: the built `guitai` as a child process ([`command`]), and a desk with a sandbox of its
//! own in one process ([`house`]), a store with very many orders ([`seed`]). Nothing here asserts what a test is about.

pub mod command;
pub mod house;
pub mod seed;
