//! The list of models: those that answer by their ids, and the inference profiles that lead to the others.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html> and
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html>, read on 2026-11-30.

use brains_sdk::canon::Fault;
use brains_sdk::canon::catalogue::{Model, Page};
use brains_sdk::sigv4::uri_encoded;
use brains_sdk::wire::protocol;
use serde_json::{Value, json};

use crate::families::{Family, claude};
use crate::settings::Settings;

/// The page behind the models.
const PROFILES: &str = "profiles";
/// Profiles do not say what models give; these give no text.
const NO_TEXT: [&str; 6] = ["embed", "rerank", "stability.", "canvas", "reel", "sonic"];

/// Path and query of a page.
pub(crate) fn page_address(cursor: Option<&str>) -> (&'static str, String) {
    match cursor.map(|cursor| cursor.strip_prefix(PROFILES).unwrap_or(cursor).trim_start_matches(':')) {
        None => ("/foundation-models", "byOutputModality=TEXT".to_owned()),
        Some("") => ("/inference-profiles", "maxResults=1000".to_owned()),
        Some(token) => {
            let token = uri_encoded(token.as_bytes());
            ("/inference-profiles", format!("maxResults=1000&nextToken={token}"))
        }
    }
}

/// Those of the settings.
pub(crate) fn named(settings: &Settings) -> Page {
    let model = |id: &String| described(Model { id: id.clone(), ..Model::default() }, settings);
    Page { models: settings.models.iter().map(model).collect(), next: None }
}

/// A page of either list.
pub(crate) fn listed(body: &str, settings: &Settings) -> Result<Page, Fault> {
    let answer: Value =
        serde_json::from_str(body).map_err(|_| protocol("the upstream's list of models is no JSON"))?;
    let list = |name: &str| answer.get(name).and_then(Value::as_array);
    if let Some(models) = list("modelSummaries") {
        let models = models.iter().filter_map(model).map(|model| described(model, settings));
        return Ok(Page { models: models.collect(), next: Some(PROFILES.to_owned()) });
    }
    let profiles = list("inferenceProfileSummaries")
        .ok_or_else(|| protocol("the upstream's list of models has no `modelSummaries`"))?;
    let next = answer.get("nextToken").and_then(Value::as_str).map(|token| format!("{PROFILES}:{token}"));
    let models = profiles.iter().filter_map(profile).map(|model| described(model, settings));
    Ok(Page { models: models.collect(), next })
}

/// A model that answers by its id.
fn model(entry: &Value) -> Option<Model> {
    let has = |member: &str, word: &str| {
        entry.get(member).and_then(Value::as_array).is_some_and(|list| list.iter().any(|it| it == word))
    };
    if !has("outputModalities", "TEXT") || !has("inferenceTypesSupported", "ON_DEMAND") {
        return None;
    }
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let owner = text("providerName");
    Some(Model {
        id: text("modelId")?,
        label: text("modelName"),
        caps: if has("inputModalities", "IMAGE") { vec!["vision".to_owned()] } else { Vec::new() },
        extra: owner.map(|owner| json!({ "owned_by": owner }).to_string()),
        ..Model::default()
    })
}

/// A profile: one of Amazon's goes by its id, an account's own by its ARN.
fn profile(entry: &Value) -> Option<Model> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    if text("status").is_some_and(|status| status != "ACTIVE") {
        return None;
    }
    let own = text("type").as_deref() == Some("APPLICATION");
    let id = text(if own { "inferenceProfileArn" } else { "inferenceProfileId" })?;
    let gives_text = !NO_TEXT.iter().any(|word| id.contains(word));
    gives_text.then(|| Model { id, label: text("inferenceProfileName"), ..Model::default() })
}

/// With what is known of it that the list does not say.
fn described(mut model: Model, settings: &Settings) -> Model {
    if Family::of(settings, &model.id) == Family::Claude {
        let can = claude(settings, &model.id);
        model.context = model.context.or(can.context);
        model.max_output = model.max_output.or(can.max_output);
    }
    model
}
