//! What whole-house tests share: the built `guitai` as a child process ([`command`]), and a desk with a sandbox of its
//! own in one process ([`house`]), a store with very many orders ([`seed`]), a way in from outside ([`way_in`]); and what
//! measuring needs: a load generator ([`load`]), paces and percentiles ([`measure`]). Nothing here asserts what a test is about.

pub mod command;
pub mod house;
pub mod load;
pub mod measure;
pub mod seed;
pub mod way_in;
