//! What a classifier reads and says, and what a policy picks from (WIT interfaces `task`, `policy`).

use super::chat::Json;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Features {
    pub last_user_text: String,
    pub system_head: String,
    pub recent_text: Vec<String>,
    pub message_count: u32,
    pub approx_input_tokens: u32,
    pub tool_names: Vec<String>,
    pub has_images: bool,
    pub has_audio: bool,
    pub wants_json: bool,
    pub client: Option<String>,
    pub hints: Vec<(String, String)>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    pub label: String,
    pub value: f32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    pub name: String,
    pub weight: f32,
    pub evidence: String,
}

/// `extra` of a classifier of task labels is a JSON object that may hold `complexity` (trivial, easy, medium,
/// hard), `tier`, `needs_codebase`, `needs_external_docs`, `freshness_required`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    pub label: String,
    pub confidence: f32,
    pub scores: Vec<Score>,
    pub signals: Vec<Signal>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Circuit {
    #[default]
    Closed,
    HalfOpen,
    Open,
}

/// What may be asked. `sticky`: the conversation is at it, and may stay. `extra` is a JSON object that may hold `warm_tokens`,
/// `warm_for_ms` and `warm_input_price` (how much of the prompt is cached there, for how long, and what reading it there costs in
/// US dollars per million tokens) and `spread` (in a tier whose candidates are as good as each other, how strongly the
/// conversation is drawn to it, from 0 up to 1).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Candidate {
    pub id: String,
    pub provider: String,
    pub model: String,
    pub tier: String,
    pub input_price: Option<f64>,
    pub output_price: Option<f64>,
    pub context: u32,
    pub quality: Option<f32>,
    pub p50_ms: Option<u32>,
    pub error_rate: f32,
    pub circuit: Circuit,
    pub in_flight: u32,
    pub quota_left: Option<f32>,
    pub sticky: bool,
    pub labels: Vec<String>,
    pub extra: Option<Json>,
}

/// What a policy decides over. `extra` is a JSON object with `tiers` (tier names in configured order),
/// `routes` (task label to tier) and `default_tier`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RouteInput {
    pub requested: String,
    pub features: Features,
    pub verdict: Verdict,
    pub candidates: Vec<Candidate>,
    pub sticky: Option<u32>,
    pub budget_left: Option<f64>,
    pub tags: Vec<(String, String)>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    pub index: u32,
    pub score: f32,
    pub timeout_ms: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    pub picks: Vec<Pick>,
    pub reason: String,
    pub hedge_after_ms: Option<u32>,
    pub extra: Option<Json>,
}

/// The number that the shorter one stands for: 0.85, not 0.8500000238418579.
pub fn exact(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}
