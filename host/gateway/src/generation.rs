//! What is attempted when a model is to generate an answer: over the relay lane, else over the translate lane.

mod attempt;
mod drain_ready;
mod form;
mod own_accord;
mod received;
mod relay;
mod translate;

pub(crate) use attempt::{GeneratedAnswer, GenerationAttempt};
