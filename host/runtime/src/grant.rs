//! Origins that an instance is granted: those that the operator wrote and those that were allowed. Asking alone gives
//! nothing that leads outside; what stays inside the process is granted by the factors.

use brains_core::OriginPattern;

/// An origin that an instance may reach, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedOrigin {
    /// A URL of the origin.
    pub url: String,
    /// The operator wrote it, so it may lead to a private address.
    pub operator: bool,
}

impl GrantedOrigin {
    /// Whether what a component asks to reach lies within.
    pub(crate) fn includes(&self, asked: &str) -> bool {
        match (OriginPattern::parse(&self.url), OriginPattern::parse(asked)) {
            (Ok(own), Ok(asked)) => own.includes(&asked),
            _ => false,
        }
    }
}
