//! Every pair of a client's wire and an upstream's: what is kept of each in `golden/pairs`, that what comes out is legal whatever
//! legal thing goes in, and that nothing which was said is missing on the other side.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it fails"
)]

mod answers;
mod bodies;
mod conversations;
mod event_stream;
mod golden;
mod legal;
mod meaning;
mod sequences;
mod wires;
