//! What is attempted when a model is to generate an answer: over the relay lane, else over the translate lane; and to go on with
//! one that broke off.

mod attempt;
mod drain_ready;
mod form;
mod framer;
mod going_on;
mod own_accord;
mod received;
mod relay;
mod translate;

pub(crate) use attempt::{GeneratedAnswer, GenerationAttempt};
pub(crate) use going_on::{GoingOn, candidates};
pub(crate) use translate::TranslateStream;
