//! guitai
fn main(){}
