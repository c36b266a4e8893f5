//! {{summary}}. A wire of its own: `request.rs` writes it, `answer.rs` reads it; where the vendor answers and how its models
//! are listed stands here.

mod answer;
mod request;

use brains_sdk::canon::catalogue::Model;
use brains_sdk::canon::exchange::{Field, Framing};
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault};
use brains_sdk::vendor::{Provider, Upstream, Vendor, VendorWire};
use brains_sdk::wire::{Encoded, Exchange, FrameDecoder, ModelList, one_page, read_whole};
use brains_sdk::{Info, info};
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    base_url: Option<String>,
}

/// The vendor, and its wire.
#[derive(Debug)]
pub enum {{type}} {}

impl Vendor for {{type}} {
    type Wire = Self;
    type Settings = Settings;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn upstream(settings: &Settings) -> Upstream {
        let base_url = settings.base_url.as_deref().unwrap_or("https://api.vendor.example/v1");
        Upstream::new(base_url).key_if_set("x-api-key", "api_key")
    }
}

impl VendorWire for {{type}} {
    type Options = ();
    type Decoder = FrameDecoder<answer::Answer>;

    const STREAMED: Framing = Framing::Sse;
    const MODELS: ModelList = ModelList {
        query: "",
        member: "models",
        cursor: "",
        next: one_page,
        model: |entry| Some(Model { id: entry.get("name")?.as_str()?.to_owned(), ..Model::default() }),
    };

    fn exchange(up: &Upstream, stream: bool, query: &str, _: &[Field], ctx: &CallContext) -> Exchange {
        up.post("/generate", query, ctx)
            .accepting(stream)
            .signed(up)
            .header("content-type", "application/json")
    }

    fn encode(req: &ChatRequest, (): &()) -> Result<Encoded, Fault> {
        request::write(req)
    }

    fn decoder(ctx: &CallContext) -> Self::Decoder {
        FrameDecoder::of(answer::Answer::new(ctx))
    }

    fn decode_unary(body: &str, ctx: &CallContext) -> Result<Vec<Event>, Fault> {
        read_whole(answer::Answer::new(ctx), body)
    }

    fn models_exchange(up: &Upstream, query: &str, ctx: &CallContext) -> Exchange {
        up.get("/models", query, ctx).accepting(false).signed(up)
    }
}

brains_sdk::export_chat!(Provider<{{type}}>);
