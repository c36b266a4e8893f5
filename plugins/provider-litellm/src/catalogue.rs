//! The models as `/v1/model/info` tells them: one entry a deployment, several of which may have one name.

use brains_sdk::canon::CallContext;
use brains_sdk::canon::Fault;
use brains_sdk::canon::catalogue::{Model, Page};
use brains_sdk::canon::exchange::{Request, Response};
use brains_sdk::wire::{ModelList, one_page, text};
use serde_json::Value;

use crate::Settings;

const MODELS: ModelList = ModelList { query: "", member: "data", cursor: "", next: one_page, model };

/// What the proxy calls the price of a token, and the canonical form that of a million.
const PRICES: [(&str, &str); 2] = [("input_cost_per_token", "input"), ("output_cost_per_token", "output")];

pub(crate) fn request(settings: &Settings, ctx: &CallContext) -> Request {
    let upstream = settings.upstream("/v1");
    upstream.get("/model/info", "", ctx).accepting(false).signed(&upstream).into_request()
}

/// Each name once: what is told of its first deployment.
pub(crate) fn page(response: Response) -> Result<Page, Fault> {
    let page = MODELS.read(&text(response.body))?;
    let mut models: Vec<Model> = Vec::new();
    for model in page.models {
        if models.iter().all(|known| known.id != model.id) {
            models.push(model);
        }
    }
    Ok(Page { models, next: None })
}

fn model(entry: &Value) -> Option<Model> {
    let info = entry.get("model_info");
    let told = |name: &str| info.and_then(|info| info.get(name)).filter(|value| value.is_number());
    let tokens = |name: &str| u32::try_from(told(name)?.as_u64()?).ok();
    let price = |(told_as, name): &(&str, &str)| Some(((*name).to_owned(), per_million(told(told_as)?)?));
    let prices: serde_json::Map<String, Value> = PRICES.iter().filter_map(price).collect();
    Some(Model {
        id: entry.get("model_name")?.as_str()?.to_owned(),
        context: tokens("max_input_tokens"),
        max_output: tokens("max_output_tokens"),
        pricing: (!prices.is_empty()).then(|| Value::Object(prices).to_string()),
        ..Model::default()
    })
}

/// A price of a token as that of a million, without what binary fractions add.
fn per_million(price: &Value) -> Option<Value> {
    let price = price.as_f64().filter(|price| price.is_finite() && *price >= 0.0)?;
    Some(Value::from((price * 1e12).round() / 1e6))
}
