//! Connections that look and never write, one for each who looks: as SQLite and as Postgres want them kept.

pub(crate) mod postgres;
pub(crate) mod sqlite;
