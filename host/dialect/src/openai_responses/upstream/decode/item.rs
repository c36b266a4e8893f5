//! One item of an answer, what has been said of it, and where a piece of it belongs.

use crate::canon::Fault;
use crate::fault::protocol;
use crate::json::{Node, Object};

/// Where a piece belongs.
#[derive(Debug, Clone, Default)]
pub(super) struct ItemPlace {
    /// Of the item in the answer.
    pub(super) output: Option<u32>,
    /// Ids of one item differ from event to event on some servers: they count where there is no number.
    pub(super) id: Option<String>,
    /// Of the part in the item.
    pub(super) part: u32,
}

/// What a piece is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemPiece {
    Text,
    Refusal,
    Summary,
    Thought,
    Arguments,
    Input,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Message,
    Reasoning,
    Function,
    Custom,
    /// A kind that only the vendor knows.
    Other,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) output: Option<u32>,
    pub(super) id: Option<String>,
    pub(super) flow: Flow,
    /// What has been said, part by part.
    pub(super) said: Vec<(ItemPiece, u32, String)>,
    /// The block that is open, and the part that it is.
    pub(super) block: Option<(u32, ItemPiece, u32)>,
    pub(super) call_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    /// What a call began with. Servers that send it send it again in pieces, which count then.
    pub(super) begun_with: String,
    pub(super) encrypted: Option<String>,
    pub(super) annotations: usize,
    pub(super) probable: bool,
    pub(super) ended: bool,
}

impl ItemPlace {
    /// As an event says it.
    pub(super) fn of(object: &mut Object<'_>) -> Self {
        let mut number = |name: &str| object.optional(name).ok().flatten().and_then(|it| it.unsigned().ok());
        let output = number("output_index");
        let part = number("content_index").or_else(|| number("summary_index")).unwrap_or(0);
        let id = object.string("item_id").ok().flatten().filter(|id| !id.is_empty());
        Self { output, id, part }
    }

    /// Of a whole item in a list.
    pub(super) fn at(output: u32, node: &Node<'_>) -> Self {
        let id = node.object().ok().and_then(|mut object| object.string("id").ok().flatten());
        Self { output: Some(output), id, part: 0 }
    }
}

impl ItemPiece {
    /// By the middle of an event's type, and the member that holds all of it in the end.
    pub(super) fn named(stream: &str) -> Option<(Self, &'static str)> {
        Some(match stream {
            "output_text" => (Self::Text, "text"),
            "refusal" => (Self::Refusal, "refusal"),
            "reasoning_summary_text" | "reasoning_summary" => (Self::Summary, "text"),
            "reasoning_text" | "reasoning" => (Self::Thought, "text"),
            "function_call_arguments" => (Self::Arguments, "arguments"),
            "custom_tool_call_input" => (Self::Input, "input"),
            _ => return None,
        })
    }

    pub(super) const fn flow(self) -> Flow {
        match self {
            Self::Text | Self::Refusal => Flow::Message,
            Self::Summary | Self::Thought => Flow::Reasoning,
            Self::Arguments => Flow::Function,
            Self::Input => Flow::Custom,
        }
    }
}

impl Item {
    pub(super) fn new(place: &ItemPlace, flow: Flow) -> Self {
        Self {
            output: place.output,
            id: place.id.clone(),
            flow,
            said: Vec::new(),
            block: None,
            call_id: None,
            name: None,
            namespace: None,
            begun_with: String::new(),
            encrypted: None,
            annotations: 0,
            probable: false,
            ended: false,
        }
    }
}

impl Flow {
    /// Of an item, by its type.
    pub(super) fn of(object: &mut Object<'_>) -> Result<Self, Fault> {
        let kind = object.string("type").ok().flatten();
        let kind = kind.ok_or_else(|| protocol("an item of the upstream's answer has no type"))?;
        Ok(match kind.as_str() {
            "message" => Flow::Message,
            "reasoning" => Flow::Reasoning,
            "function_call" => Flow::Function,
            "custom_tool_call" => Flow::Custom,
            _ => Flow::Other,
        })
    }
}
