//! Pages of a list: a limit, and a cursor that says where the next one begins.

use brains_core::Fault;

const MOST: u32 = 1_000;

pub(crate) const fn default_limit() -> u32 {
    20
}

/// Refuses a limit that no page can have.
pub(crate) fn limit(asked: u32) -> Result<u32, Fault> {
    if (1..=MOST).contains(&asked) {
        Ok(asked)
    } else {
        Err(Fault::invalid(format!("`limit` must be between 1 and {MOST}")).param("limit"))
    }
}

pub(crate) fn bad_cursor() -> Fault {
    Fault::invalid("`cursor` is not one that a list handed out").param("cursor")
}
