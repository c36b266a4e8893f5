//! A provider for a vendor that speaks a standard wire, whole: what it takes to write one.

use brains_sdk::openai_chat::{Provider, Upstream, Vendor};
use brains_sdk::{Component, Info, Relay};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    region: String,
}

struct Acme;

impl Vendor for Acme {
    type Settings = Settings;
    const CONFIG_SCHEMA: &'static str = r#"{"type":"object","properties":{"region":{"type":"string"}}}"#;
    fn info() -> Info {
        brains_sdk::info!()
    }
    fn upstream(settings: &Settings) -> Result<Upstream, Vec<String>> {
        let base_url = format!("https://{}.vendor.example/v1", settings.region);
        Ok(Upstream::new(&base_url).bearer_if_set("api_key"))
    }
}

brains_sdk::export_provider!(Provider<Acme>);

#[test]
fn it_relays() {
    let vendor = Provider::<Acme>::new(Settings { region: "eu".into() }).unwrap();
    let call = brains_sdk::canon::relay::Call {
        surface: vendor.surfaces()[0].name.clone(),
        model: "m".into(),
        stream: false,
        query: String::new(),
        headers: Vec::new(),
        ctx: brains_sdk::canon::CallContext::default(),
    };
    assert!(matches!(vendor.prepare(call).unwrap(), brains_sdk::canon::relay::Lane::Relay(_)));
}
