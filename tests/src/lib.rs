//! What whole-house tests share: the built `guitai` as a child process ([`command`]), and a desk with a sandbox of its
//! own in one process ([`house`]), a store with very many orders ([`seed`]), a way in from outside ([`way_in`]). Nothing here asserts what a test is about.

pub mod command;
pub mod house;
pub mod seed;
pub mod way_in;
