//! The list of models, page by page (<https://ai.google.dev/api/models>, read on 2026-11-30).

use brains_sdk::canon::Fault;
use brains_sdk::canon::catalogue::{Model, Page};
use brains_sdk::wire::{ModelList, one_page};
use serde_json::Value;

const MODELS: ModelList = ModelList { query: "", member: "models", cursor: "", next: one_page, model };

/// Methods of models that are of use here.
const METHODS: [&str; 3] = ["generateContent", "embedContent", "batchEmbedContents"];

/// The query of a page. The vendor's word for where it begins is any text, which is escaped.
pub(crate) fn query(cursor: Option<&str>) -> String {
    let page = cursor.map(|cursor| format!("&pageToken={}", crate::escaped(cursor, b"-_.~")));
    format!("pageSize=1000{}", page.unwrap_or_default())
}

pub(crate) fn read(body: &str) -> Result<Page, Fault> {
    let mut page = MODELS.read(body)?;
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let next = answer.get("nextPageToken").and_then(Value::as_str);
    page.next = next.filter(|token| !token.is_empty()).map(str::to_owned);
    Ok(page)
}

fn model(entry: &Value) -> Option<Model> {
    let methods = entry.get("supportedGenerationMethods").and_then(Value::as_array);
    let of_use = |method: &Value| method.as_str().is_some_and(|method| METHODS.contains(&method));
    // A list without methods is some other server's.
    if methods.is_some_and(|methods| !methods.iter().any(of_use)) {
        return None;
    }
    let name = entry.get("name")?.as_str()?;
    let number = |name: &str| u32::try_from(entry.get(name)?.as_u64()?).ok();
    Some(Model {
        id: name.strip_prefix("models/").unwrap_or(name).to_owned(),
        label: entry.get("displayName").and_then(Value::as_str).map(str::to_owned),
        context: number("inputTokenLimit"),
        max_output: number("outputTokenLimit"),
        ..Model::default()
    })
}
