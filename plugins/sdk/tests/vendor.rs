//! A provider for a vendor that speaks a standard wire, whole: what it takes to write one.

use brains_sdk::canon::exchange::{Request, Response};
use brains_sdk::canon::relay::{Call, Lane, Surface};
use brains_sdk::canon::{CallContext, Fault, catalogue::Page};
use brains_sdk::openai_chat::{self, Upstream};
use brains_sdk::{Catalogue, Component, Errors, Info, Relay, host};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    region: String,
}

#[derive(Debug)]
struct Vendor(Upstream);

impl Component for Vendor {
    type Config = Settings;
    const CONFIG_SCHEMA: &'static str = r#"{"type":"object","properties":{"region":{"type":"string"}}}"#;
    fn info() -> Info {
        brains_sdk::info!()
    }
    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        let upstream = Upstream::new(&format!("https://{}.vendor.example/v1", settings.region));
        Ok(Self(if host::has_secret("api_key") { upstream.bearer("api_key") } else { upstream }))
    }
}

impl Errors for Vendor {
    fn decode_error(&self, response: Response) -> Fault {
        openai_chat::decode_error(response)
    }
}

impl Catalogue for Vendor {
    fn models_request(&self, ctx: &CallContext, _: Option<&str>) -> Option<Request> {
        Some(self.0.models_request(ctx))
    }
    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        response.map_or_else(|| Ok(Page::default()), openai_chat::models)
    }
}

impl Relay for Vendor {
    fn surfaces(&self) -> Vec<Surface> {
        Upstream::surfaces()
    }
    fn prepare(&self, call: Call) -> Result<Lane, Fault> {
        Ok(self.0.prepare(&call))
    }
}

brains_sdk::export_relay!(Vendor);

#[test]
fn it_relays() {
    let vendor = Vendor::new(Settings { region: "eu".into() }).unwrap();
    let call = Call {
        surface: vendor.surfaces()[0].name.clone(),
        model: "m".into(),
        stream: false,
        query: String::new(),
        headers: Vec::new(),
        ctx: CallContext::default(),
    };
    assert!(matches!(vendor.prepare(call).unwrap(), Lane::Relay(_)));
}
