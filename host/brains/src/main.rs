//! The `brains` program.
mod admin_key;
mod ambient;
mod environment;
mod failure;
mod home;
mod instance;
mod log;
mod overlay;
mod process;
fn main(){}
