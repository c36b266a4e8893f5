//! What models a provider has (WIT interface `catalogue`).

use super::chat::Json;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    pub id: String,
    pub label: Option<String>,
    pub context: Option<u32>,
    pub max_output: Option<u32>,
    pub caps: Vec<String>,
    /// JSON object: `input` and `output` in US dollars per million tokens.
    pub pricing: Option<Json>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    pub models: Vec<Model>,
    pub next: Option<String>,
}
