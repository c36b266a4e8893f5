//! How a vendor lists its models: where they stand in the answer, and how the next page is asked for.

use std::fmt::Write as _;

use brains_dialect::canon::Fault;
use brains_dialect::canon::catalogue::{Model, Page};
use brains_dialect::fault::protocol;
use serde_json::Value;

/// A list of models, page by page.
///
/// ```
/// use brains_sdk::canon::catalogue::Model;
/// use brains_sdk::wire::ModelList;
///
/// const MODELS: ModelList = ModelList {
///     query: "limit=2",
///     member: "models",
///     cursor: "page",
///     next: |answer| Some(answer.get("next")?.as_str()?.to_owned()),
///     model: |entry| Some(Model { id: entry.get("name")?.as_str()?.to_owned(), ..Model::default() }),
/// };
///
/// assert_eq!(MODELS.query(None), "limit=2");
/// let page = MODELS.read(r#"{"models":[{"name":"small"},{}],"next":"b"}"#).unwrap();
/// assert_eq!((page.models.len(), page.next.as_deref()), (1, Some("b")));
/// assert_eq!(MODELS.query(page.next.as_deref()), "limit=2&page=b");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ModelList {
    /// What every page is asked for with.
    pub query: &'static str,
    /// The member of the answer that holds the models.
    pub member: &'static str,
    /// The parameter that says where a page begins.
    pub cursor: &'static str,
    /// Where the next page begins, read from the answer; [`one_page`] when there is never one.
    pub next: fn(&Value) -> Option<String>,
    /// Reads an entry; `None` when it is no model.
    pub model: fn(&Value) -> Option<Model>,
}

/// No page behind this one.
pub const fn one_page(_answer: &Value) -> Option<String> {
    None
}

impl ModelList {
    /// The query of the page at `cursor`.
    pub fn query(&self, cursor: Option<&str>) -> String {
        let mut query = self.query.to_owned();
        if let Some(cursor) = cursor.filter(|cursor| is_plain(cursor)) {
            let mark = if query.is_empty() { "" } else { "&" };
            let _written = write!(query, "{mark}{}={cursor}", self.cursor);
        }
        query
    }

    /// Reads a page.
    pub fn read(&self, body: &str) -> Result<Page, Fault> {
        let mut answer: Value =
            serde_json::from_str(body).map_err(|_| protocol("the upstream's list of models is no JSON"))?;
        let list = answer.get_mut(self.member).map(Value::take);
        let Some(Value::Array(list)) = list else {
            return Err(protocol(&format!("the upstream's list of models has no `{}`", self.member)));
        };
        let next = (self.next)(&answer).filter(|cursor| is_plain(cursor));
        Ok(Page { models: list.iter().filter_map(self.model).collect(), next })
    }
}

/// Text that may stand in a query as it is.
fn is_plain(cursor: &str) -> bool {
    !cursor.is_empty() && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}
