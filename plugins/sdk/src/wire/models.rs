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

    /// Reads a page. Servers that borrow a wire borrow less of its lists: some answer with the array alone, or under the
    /// name that another wire gives it, or with names in place of entries.
    pub fn read(&self, body: &str) -> Result<Page, Fault> {
        let answer: Value =
            serde_json::from_str(body).map_err(|_| protocol("the upstream's list of models is no JSON"))?;
        let named =
            || [self.member, "data", "models"].into_iter().find_map(|name| answer.get(name)?.as_array());
        // An empty array alone is no list of anything.
        let alone = answer.as_array().filter(|list| !list.is_empty());
        let Some(list) = alone.or_else(named) else {
            return Err(protocol(&format!("the upstream's list of models has no `{}`", self.member)));
        };
        let next = (self.next)(&answer).filter(|cursor| is_plain(cursor));
        Ok(Page { models: list.iter().filter_map(|entry| self.entry(entry)).collect(), next })
    }

    fn entry(&self, entry: &Value) -> Option<Model> {
        match entry.as_str() {
            Some(name) => Some(Model { id: name.to_owned(), ..Model::default() }),
            None => (self.model)(entry),
        }
    }
}

/// Text that may stand in a query as it is.
fn is_plain(cursor: &str) -> bool {
    !cursor.is_empty() && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODELS: ModelList = ModelList {
        query: "",
        member: "data",
        cursor: "",
        next: one_page,
        model: |entry| Some(Model { id: entry.get("id")?.as_str()?.to_owned(), ..Model::default() }),
    };

    #[test]
    fn a_list_is_read_wherever_it_stands() {
        let ids = |body: &str| {
            MODELS.read(body).map(|page| page.models.into_iter().map(|it| it.id).collect::<Vec<_>>())
        };
        for body in [
            r#"{"data":[{"id":"a"},{"id":"b"},{}]}"#,
            // Together: helixml/helix#386
            r#"[{"id":"a"},{"id":"b"}]"#,
            r#"{"models":[{"id":"a"},{"id":"b"}]}"#,
            r#"["a","b"]"#,
        ] {
            assert_eq!(ids(body).unwrap(), ["a", "b"], "{body}");
        }
        assert_eq!(ids(r#"{"data":[]}"#).unwrap(), [""; 0]);
        for body in ["{}", "[]", "7", "x", r#"{"data":{}}"#] {
            assert!(ids(body).is_err(), "{body}");
        }
    }
}
