//! The integration suite: the real program, real components, real HTTP on loopback, real clients.

mod auth;
mod chat;
mod cli;
mod clients;
mod config;
mod docs;
mod explain;
mod operations;
mod relay;
mod secrets;
mod startup;
mod tidy;
