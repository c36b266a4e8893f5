//! Counts are short in `cargo xtask test` and full in `cargo xtask soak` (contract 1).

/// Whether this run is `soak`.
pub fn soak() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the runner tells the suite by environment")]
    std::env::var("BRAINS_SOAK").is_ok_and(|value| value == "1")
}

/// `short` in `test`, `full` in `soak`.
pub fn count(short: usize, full: usize) -> usize {
    if soak() { full } else { short }
}
