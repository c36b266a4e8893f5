//! Conversations that the host keeps, on the wires whose clients go on from an answer by its id: what a request says of the
//! one that it belongs to, how it reads with all that was said before, and how what is kept is shown.

use super::{ErrorReport, Ingress};
use crate::canon::Json;
use crate::envelope::{Envelope, SpliceError};
use crate::invalid::Invalid;
use crate::openai_responses::client::state;

/// What a request says of its conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateHead {
    /// Whether the answer is to be kept; none leaves it to the host.
    pub store: Option<bool>,
    /// The answer that it goes on from.
    pub previous: Option<String>,
    /// Items of earlier answers that it names instead of repeating them.
    pub references: Vec<String>,
}

/// What the host made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateEcho<'a> {
    /// The answer is kept.
    pub store: bool,
    pub previous: Option<&'a str>,
}

/// A turn of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptTurn<'a> {
    /// The id of the answer.
    pub id: &'a str,
    /// JSON, as the client wrote it.
    pub input: &'a str,
    /// JSON, as it was answered.
    pub answer: &'a str,
}

/// What an answer that is to be kept goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerNames {
    pub id: String,
    /// Ids of its items.
    pub items: Vec<String>,
}

/// Why an answer is not whole.
#[derive(Debug, Clone, Copy)]
pub enum AnswerCut<'a> {
    /// The client left.
    Cancelled,
    Failed(&'a ErrorReport<'a>),
}

/// Which items of a conversation are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPage {
    pub limit: usize,
    /// Oldest first.
    pub ascending: bool,
    /// The id of the item behind which the page begins.
    pub after: Option<String>,
}

impl Ingress {
    /// Where kept answers of the wire are; none where none are kept.
    pub const fn kept_path(self) -> Option<&'static str> {
        match self {
            Self::OpenAiResponses => Some("/v1/responses"),
            Self::OpenAiChat | Self::AnthropicMessages | Self::OpenAiCompletions | Self::OpenAiCompaction => {
                None
            }
        }
    }

    /// What a request says of its conversation; none on a wire without. Fails when it asks for what is not done here.
    pub fn state(self, envelope: &Envelope<'_>) -> Result<Option<StateHead>, Invalid> {
        self.kept_path().map(|_| state::read(envelope)).transpose()
    }

    /// What is asked in this turn, with the items in it that were named: `find` gives the text of one.
    pub fn own_input(
        self,
        envelope: &Envelope<'_>,
        find: impl Fn(&str) -> Option<Json>,
    ) -> Result<Json, Invalid> {
        state::own_input(envelope, find)
    }

    /// The request with all that was said before in front of what is asked in this turn.
    pub fn continued(
        self,
        envelope: &Envelope<'_>,
        turns: &[KeptTurn<'_>],
        own_input: &str,
    ) -> Result<Json, SpliceError> {
        state::continued(envelope, turns, own_input)
    }

    /// What an answer goes by; none when it says no id.
    pub fn answer_names(self, answer: &str) -> Option<AnswerNames> {
        state::names(answer)
    }

    /// An item of an answer, by its id.
    pub fn answer_item(self, answer: &str, id: &str) -> Option<Json> {
        state::item(answer, id)
    }

    /// An answer as it is shown later.
    pub fn kept_answer(self, answer: &str, previous: Option<&str>) -> Json {
        state::shown(answer, previous)
    }

    /// What tells that an answer is gone.
    pub fn deleted_answer(self, id: &str) -> Json {
        state::deleted(id)
    }

    /// What went into the last of these turns, page by page.
    pub fn input_page(self, turns: &[KeptTurn<'_>], page: &ItemPage) -> Result<Json, Invalid> {
        state::page(turns, page)
    }
}
