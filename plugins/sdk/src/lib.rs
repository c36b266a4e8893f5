//! Write a Brains component in plain Rust. A component is a value made of its settings ([`Component::new`]);
//! what it can do are traits over the canonical values of `brains_dialect`; an `export_*!` macro turns it into
//! a WebAssembly component. The bindings stay out of sight and hardly convert anything: the canonical types are
//! the types of the interface.
//!
//! A provider is written in one of two ways. A vendor that speaks a wire of ours is a few lines over [`vendor`]; one with a
//! wire of its own implements [`Chat`] with the tools of [`wire`].
//!
//! A component never does I/O. It describes HTTP exchanges, and the host performs them.
//!
//! Everything here also runs natively, so a component's unit tests are ordinary ones.
//!
//! Architecture invariant: nothing here does I/O, reads a clock or knows the text of a secret; what the host offers is
//! [`host`]. Architecture invariant: no address and no settings of a vendor; a wire knows how it is spoken, a component by whom.

mod adapter;
pub mod anthropic_messages;
pub mod bedrock_converse;
#[doc(hidden)]
pub mod bindings;
pub mod capabilities;
mod component;
mod export;
pub mod host;
pub mod ollama_chat;
pub mod openai_chat;
pub mod openai_responses;
pub mod sigv4;
pub mod vendor;
pub mod wire;

pub use adapter::Export;
pub use brains_dialect as dialect;
pub use brains_dialect::canon;
pub use component::{
    Auth, Catalogue, Chat, Classifier, Component, Decode, Embeddings, Errors, Info, Policy, Relay,
    SignInFlow, Standalone, Undecoded,
};
