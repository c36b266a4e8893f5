//! The list of models: what each speaks, which is remembered for the exchanges that follow, and what it costs.

use std::collections::BTreeMap;

use brains_sdk::canon::Fault;
use brains_sdk::canon::catalogue::{Model, Page};
use brains_sdk::host;
use brains_sdk::wire::protocol;
use serde_json::{Value, json};

use crate::upstream_wire::UpstreamWire;

/// Where it is remembered what each model speaks.
const WIRES: &str = "wires";
/// A credit of the vendor is a cent.
const DOLLARS_PER_CREDIT: f64 = 0.01;
const MILLION: f64 = 1_000_000.0;

/// Those of the settings.
pub(crate) fn named(ids: &[String]) -> Page {
    let model = |id: &String| Model { id: id.clone(), ..Model::default() };
    Page { models: ids.iter().map(model).collect(), next: None }
}

/// Those that the account may use.
pub(crate) fn listed(body: &str) -> Result<Page, Fault> {
    let answer: Value =
        serde_json::from_str(body).map_err(|_| protocol("the upstream's list of models is no JSON"))?;
    let list = answer.get("data").and_then(Value::as_array);
    let list = list.ok_or_else(|| protocol("the upstream's list of models has no `data`"))?;
    let usable: Vec<&Value> = list.iter().filter(|entry| is_usable(entry)).collect();
    let wires: BTreeMap<&str, Vec<&str>> =
        usable.iter().filter_map(|entry| Some((entry.get("id")?.as_str()?, endpoints(entry)?))).collect();
    // Without room for it, what a model speaks is guessed from its name.
    let _kept = host::keep(WIRES, json!(wires).to_string().as_bytes());
    Ok(Page { models: usable.into_iter().filter_map(model).collect(), next: None })
}

/// What a model speaks.
pub(crate) fn wires(model: &str) -> Vec<UpstreamWire> {
    let kept = host::recalled(WIRES);
    let kept = kept.and_then(|kept| serde_json::from_slice::<BTreeMap<String, Vec<String>>>(&kept).ok());
    let listed = kept.and_then(|mut kept| kept.remove(model)).map(|paths| {
        UpstreamWire::ALL.into_iter().filter(|wire| paths.iter().any(|path| path == wire.path())).collect()
    });
    listed.filter(|wires: &Vec<_>| !wires.is_empty()).unwrap_or_else(|| guessed(model))
}

/// What a model speaks that no list has told of: those made for programming answer to Responses alone.
fn guessed(model: &str) -> Vec<UpstreamWire> {
    vec![if model.contains("codex") { UpstreamWire::Responses } else { UpstreamWire::Chat }]
}

/// Whether it answers, and the account may use it.
fn is_usable(entry: &Value) -> bool {
    let says = |path: &str, word: &str| entry.pointer(path).and_then(Value::as_str) == Some(word);
    let kind = entry.pointer("/capabilities/type").and_then(Value::as_str).unwrap_or("chat");
    kind == "chat"
        && entry.get("model_picker_enabled").and_then(Value::as_bool) != Some(false)
        && !says("/policy/state", "disabled")
        && !says("/policy/state", "unconfigured")
}

fn endpoints(entry: &Value) -> Option<Vec<&str>> {
    Some(entry.get("supported_endpoints")?.as_array()?.iter().filter_map(Value::as_str).collect())
}

fn model(entry: &Value) -> Option<Model> {
    let limit = |name: &str| {
        let limit = entry.pointer(&format!("/capabilities/limits/{name}"))?.as_u64()?;
        u32::try_from(limit).ok()
    };
    let supports = |name: &str| {
        entry.pointer(&format!("/capabilities/supports/{name}")).and_then(Value::as_bool) == Some(true)
    };
    let caps = [("tool_calls", "tools"), ("vision", "vision"), ("structured_outputs", "json")];
    Some(Model {
        id: entry.get("id")?.as_str()?.to_owned(),
        label: entry.get("name").and_then(Value::as_str).map(str::to_owned),
        context: limit("max_context_window_tokens"),
        max_output: limit("max_output_tokens"),
        caps: caps.into_iter().filter(|(name, _)| supports(name)).map(|(_, cap)| cap.to_owned()).collect(),
        pricing: pricing(entry),
        extra: entry.get("vendor").map(|vendor| json!({ "owned_by": vendor }).to_string()),
    })
}

/// US dollars per million tokens. The vendor tells credits of a cent per batch of tokens, for all prompts or for those of usual
/// length; a price that it does not tell is unknown (github/copilot-sdk#1555, ChrisRomp/copilot-bridge#218; read 2026-11-30).
fn pricing(entry: &Value) -> Option<String> {
    let prices = entry.pointer("/billing/token_prices")?;
    let batch =
        prices.get("batch_size").and_then(Value::as_f64).filter(|batch| *batch > 0.0).unwrap_or(MILLION);
    let usual = prices.get("default").unwrap_or(prices);
    let price = |name: &str| Some(usual.get(name)?.as_f64()? * DOLLARS_PER_CREDIT * MILLION / batch);
    let told = [("input", "input_price"), ("cached_input", "cache_price"), ("output", "output_price")];
    let told: serde_json::Map<String, Value> = told
        .into_iter()
        .filter_map(|(name, theirs)| Some((name.to_owned(), json!(price(theirs)?))))
        .collect();
    (!told.is_empty()).then(|| Value::from(told).to_string())
}
