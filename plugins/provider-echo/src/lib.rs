//! A provider with no upstream: it answers from what it was asked. For first steps on a fresh install, and for
//! tests that need a whole conversation to go the same way twice.
//!
//! - Text comes back as `echo:` and the text of the last message; media as `[image]`, `[audio]`, `[file]`.
//! - `call <tool>({…})` in the last message, with that tool offered, is answered with the call; several of them
//!   with parallel calls. Results of tools are echoed like text.
//! - A JSON schema is answered with the least object that satisfies it.
//! - Length limit, stop sequences and number of choices are honoured.

mod reply;
mod sample;

use brains_sdk::canon::catalogue::{Model, Page};
use brains_sdk::canon::exchange::{Request, Response};
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault};
use brains_sdk::{Catalogue, Component, Info, Standalone};
use serde::Deserialize;

/// The models, from small to large; they answer alike.
const MODELS: [(&str, &str); 4] = [
    ("echo-small", "Echo, small"),
    ("echo-default", "Echo"),
    ("echo-strong", "Echo, strong"),
    ("echo-deep", "Echo, deep"),
];

/// It has nothing to set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

/// The component.
#[derive(Debug)]
pub struct Echo;

impl Component for Echo {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        brains_sdk::info!()
    }

    fn new(_: Settings) -> Result<Self, Vec<String>> {
        Ok(Self)
    }
}

impl Catalogue for Echo {
    fn models_request(&self, _: &CallContext, _: Option<&str>) -> Option<Request> {
        None
    }

    fn models(&self, _: Option<Response>) -> Result<Page, Fault> {
        let model = |(id, label): (&str, &str)| Model {
            id: id.to_owned(),
            label: Some(label.to_owned()),
            context: Some(131_072),
            max_output: Some(16_384),
            caps: ["tools", "images", "audio", "files", "json-schema"].map(str::to_owned).into(),
            pricing: Some(r#"{"input":0,"output":0}"#.to_owned()),
            extra: None,
        };
        Ok(Page { models: MODELS.into_iter().map(model).collect(), next: None })
    }
}

impl Standalone for Echo {
    fn answer(&self, req: ChatRequest, ctx: CallContext) -> Result<Vec<Event>, Fault> {
        Ok(reply::events(&req, &ctx))
    }
}

brains_sdk::export_standalone!(Echo);

#[cfg(test)]
mod tests;
