//! What led to a fault, and how the log tells it. An error's own text leaves its cause out, so that a chain says nothing
//! twice.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// An error that led to a fault; none when nothing is known. A thin pointer, for faults are moved around a lot.
#[derive(Clone, Default)]
pub struct FaultCause(Option<Arc<Box<dyn Error + Send + Sync>>>);

impl FaultCause {
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Box::new(error))))
    }

    /// A cause of which only a text is left.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Text(text.into()))
    }

    pub fn get(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_ref().map(|error| &***error as &(dyn Error + 'static))
    }
}

#[derive(Debug)]
struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Text {}

/// Faults are equal by what they say.
impl PartialEq for FaultCause {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for FaultCause {}

impl fmt::Debug for FaultCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(error) => fmt::Debug::fmt(error, f),
            None => f.write_str("None"),
        }
    }
}

/// An error and its causes on one line, each after a colon.
#[derive(Debug, Clone, Copy)]
pub struct ErrorChain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use crate::Fault;
    use crate::fault::HintStyle;

    #[test]
    fn a_cause_is_told_in_the_chain_only() {
        let inner = Fault::internal("the disk is full").cause(io::Error::other("errno 28"));
        let fault = Fault::unavailable("keys cannot be read").cause(inner);
        assert_eq!(fault.chain().to_string(), "keys cannot be read: the disk is full: errno 28");
        assert_eq!(fault.to_string(), "keys cannot be read");
        let wire = serde_json::Value::from(fault.to_wire()).to_string();
        assert!(!wire.contains("disk") && !wire.contains("errno"), "{wire}");
        assert_eq!(fault, Fault::unavailable("keys cannot be read"), "faults are equal by what they say");
    }

    #[test]
    fn advice_tells_a_hint_as_the_surface_does() {
        let fault = Fault::invalid("no model");
        assert_eq!(fault.advice(HintStyle::Parentheses), "no model");
        let fault = fault.hint("name one");
        assert_eq!(fault.advice(HintStyle::Parentheses), "no model (name one)");
        assert_eq!(fault.advice(HintStyle::Semicolon), "no model; name one");
    }
}
