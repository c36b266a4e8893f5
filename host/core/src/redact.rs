//! Value-level redaction.
