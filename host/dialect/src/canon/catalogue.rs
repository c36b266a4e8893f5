//! What models a provider has (WIT interface `catalogue`).

use super::chat::Json;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    pub id: String,
    pub label: Option<String>,
    pub context: Option<u32>,
    pub max_output: Option<u32>,
    pub caps: Vec<String>,
    /// JSON object, US dollars per million tokens: `input`, `output`, and where they differ from those `cached_input`,
    /// `cache_write_5m`, `cache_write_1h`, `reasoning`; `request` in US dollars each.
    pub pricing: Option<Json>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    pub models: Vec<Model>,
    pub next: Option<String>,
}
