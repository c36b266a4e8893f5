//! The wires that a scripted upstream can play, side by side, so that one table of failures runs over all of them.

use crate::upstream::{Reply, Seen, Upstream};
use crate::{Setup, model};

/// One wire as an upstream speaks it.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    /// The provider that speaks it, as a client names it in front of the model.
    pub provider: &'static str,
    /// Plays the model.
    pub answer: fn(&Seen) -> Reply,
    /// The frames of a streamed answer with this text; the last one is its end.
    pub text_frames: fn(&str) -> Vec<String>,
    /// A whole answer with this text.
    pub text_body: fn(&str) -> String,
    /// The body that goes with a status that is no success, with this message.
    pub error_body: fn(u16, &str) -> String,
    /// A failure inside a stream, with this message.
    pub error_frame: fn(&str) -> String,
    /// Whether frames are server-sent events; else they are lines of JSON.
    pub events: bool,
}

pub const OPENAI: Wire = Wire {
    provider: "openai_compatible",
    answer: model::answer,
    text_frames: model::text_frames,
    text_body: model::text_body,
    error_body: model::error_body,
    error_frame: model::error_frame,
    events: true,
};

pub const RESPONSES: Wire = Wire {
    provider: "openai_responses",
    answer: model::responses::answer,
    text_frames: model::responses::text_frames,
    text_body: model::responses::text_body,
    error_body: model::error_body,
    error_frame: model::responses::error_frame,
    events: true,
};

pub const ANTHROPIC: Wire = Wire {
    provider: "anthropic",
    answer: model::messages::answer,
    text_frames: model::messages::text_frames,
    text_body: model::messages::text_body,
    error_body: model::messages::error_body,
    error_frame: model::messages::error_frame,
    events: true,
};

pub const OLLAMA: Wire = Wire {
    provider: "ollama",
    answer: model::ollama::answer,
    text_frames: model::ollama::text_frames,
    text_body: model::ollama::text_body,
    error_body: model::ollama::error_body,
    error_frame: model::ollama::error_frame,
    events: false,
};

pub const BEDROCK: Wire = Wire {
    provider: "bedrock",
    answer: model::bedrock::answer,
    text_frames: model::bedrock::text_frames,
    text_body: model::bedrock::text_body,
    error_body: model::bedrock::error_body,
    error_frame: model::bedrock::error_frame,
    events: false,
};

/// A wire of a vendor's own, which has no flat keys.
pub const GEMINI: Wire = Wire {
    provider: "gemini",
    answer: model::gemini::answer,
    text_frames: model::gemini::text_frames,
    text_body: model::gemini::text_body,
    error_body: model::gemini::error_body,
    error_frame: model::gemini::error_frame,
    events: true,
};

/// Those that real clients are run over.
pub const ALL: [Wire; 4] = [OPENAI, RESPONSES, ANTHROPIC, OLLAMA];

/// Every wire that a provider speaks.
pub const EVERY: &[Wire] = &[
    OPENAI, RESPONSES, ANTHROPIC, OLLAMA, //
    BEDROCK, GEMINI,
];

impl Wire {
    /// An upstream that plays the model on this wire.
    pub async fn upstream(&self) -> Upstream {
        Upstream::start(self.answer).await
    }

    /// The lines of configuration that make `upstream` the provider of this wire.
    pub fn config(&self, upstream: &Upstream) -> String {
        let Self { provider, .. } = self;
        match *provider {
            "gemini" => format!("{}\n", self.instance(provider, upstream, "")),
            "openai_compatible" | "openai_responses" => format!(
                "{provider}_base_url: \"{}\"\n{provider}_api_key: \"{UPSTREAM_KEY}\"\n",
                upstream.base()
            ),
            "ollama" => format!("{provider}_base_url: \"{}\"\n", upstream.origin()),
            _ => format!(
                "{provider}_base_url: \"{}\"\n{provider}_api_key: \"{UPSTREAM_KEY}\"\n",
                upstream.origin()
            ),
        }
    }

    /// The same with the longest silence of the upstream, in seconds.
    pub fn patient(&self, upstream: &Upstream, seconds: u32) -> String {
        match self.provider {
            "gemini" => self.instance(self.provider, upstream, &format!(", timeout_seconds: {seconds}")),
            provider => format!("{}{provider}_timeout_seconds: {seconds}\n", self.config(upstream)),
        }
    }

    /// A line that makes `upstream` a named instance of the component that speaks this wire, with more members of it.
    pub fn instance(&self, name: &str, upstream: &Upstream, more: &str) -> String {
        let component = match self.provider {
            "openai_compatible" => "provider-openai".to_owned(),
            provider => format!("provider-{}", provider.replace('_', "-")),
        };
        let base = if self.provider.starts_with("openai") { upstream.base() } else { upstream.origin() };
        let secrets = if matches!(self.provider, "bedrock" | "gemini") {
            format!(", secrets: {{api_key: \"{UPSTREAM_KEY}\"}}")
        } else {
            String::new()
        };
        format!(
            "providers: {{{name}: {{component: {component}, config: {{base_url: \"{base}\"}}{secrets}{more}}}}}"
        )
    }

    /// A service with this one provider beside the embedded defaults.
    pub fn setup(&self, upstream: &Upstream) -> Setup {
        Setup::config(self.config(upstream))
    }

    /// The scripted model as a client names it.
    pub fn model(&self) -> String {
        format!("{}/scripted-1", self.provider)
    }

    /// A streamed answer of these frames.
    pub fn stream<B: Into<bytes::Bytes>>(&self, frames: impl IntoIterator<Item = B>) -> Reply {
        match self.provider {
            "bedrock" => model::bedrock::stream(frames),
            _ if self.events => Reply::stream(frames),
            _ => Reply::ndjson(frames),
        }
    }

    /// The bytes that frames are on the way.
    pub fn bytes(&self, frames: &str) -> bytes::Bytes {
        match self.provider {
            "bedrock" => model::bedrock::framed(frames.as_bytes()),
            _ => frames.to_owned().into(),
        }
    }
}

/// What the service holds as the upstream's key; no client may ever see it.
pub const UPSTREAM_KEY: &str = "sk-upstream-0123456789abcdef";
