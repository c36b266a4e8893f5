//! Which part of the list of models a client asks for, where its wire has pages: `limit`, and the id behind or before which
//! the page lies.

use brains_core::Fault;
use brains_dialect::ingress::ModelListing;
use percent_encoding::percent_decode_str;

/// As many as one page may hold.
const MOST: usize = 1000;

/// What is asked for; the whole list when nothing is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ModelPage {
    limit: Option<usize>,
    after: Option<String>,
    before: Option<String>,
}

impl ModelPage {
    /// Reads a query. Parameters that mean nothing here are left alone.
    pub(super) fn read(query: &str) -> Result<Self, Fault> {
        let mut page = Self::default();
        for (name, value) in query.split('&').filter_map(|parameter| parameter.split_once('=')) {
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    let wrong = || bad_query("limit", &format!("is a whole number from 1 to {MOST}"));
                    page.limit = Some(limit.ok_or_else(wrong)?);
                }
                "after_id" => page.after = Some(value.into_owned()),
                "before_id" => page.before = Some(value.into_owned()),
                _ => {}
            }
        }
        if page.after.is_some() && page.before.is_some() {
            return Err(bad_query("before_id", "does not go with `after_id`"));
        }
        Ok(page)
    }

    /// The part of the list, and whether there is more of it in the direction that was asked for.
    pub(super) fn of<'m, 'a>(
        &self,
        models: &'m [ModelListing<'a>],
    ) -> Result<(&'m [ModelListing<'a>], bool), Fault> {
        let find = |name: &str, id: &str| {
            let at = models.iter().position(|model| model.id == id);
            at.ok_or_else(|| bad_query(name, "is no id of the list"))
        };
        let limit = self.limit.unwrap_or(models.len());
        let (from, to, has_more) = if let Some(id) = &self.before {
            let to = find("before_id", id)?;
            let from = to.saturating_sub(limit);
            (from, to, from > 0)
        } else {
            let from = self.after.as_ref().map_or(Ok(0), |id| find("after_id", id).map(|at| at + 1))?;
            let to = from.saturating_add(limit).min(models.len());
            (from, to, to < models.len())
        };
        Ok((models.get(from..to).unwrap_or_default(), has_more))
    }
}

fn bad_query(name: &str, why: &str) -> Fault {
    Fault::invalid(format!("`{name}` {why}")).code("invalid_value").param(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, ids: &str, has_more: bool) {
        let names: Vec<String> = "abcd".chars().map(|id| format!("up/{id}")).collect();
        let list: Vec<_> = names
            .iter()
            .map(|id| ModelListing { id, owner: "up", created_s: 0, context_window: None })
            .collect();
        let (page, more) = ModelPage::read(query).unwrap().of(&list).unwrap();
        let shown: String = page.iter().filter_map(|model| model.id.chars().last()).collect();
        assert_eq!((shown.as_str(), more), (ids, has_more), "{query}");
    }

    #[test]
    fn a_page_lies_where_it_is_asked_for() {
        check("", "abcd", false);
        check("limit=1000&beta=true", "abcd", false);
        check("limit=2", "ab", true);
        check("limit=2&after_id=up%2Fb", "cd", false);
        check("after_id=up/d", "", false);
        check("limit=2&before_id=up/d", "bc", true);
        check("limit=2&before_id=up/b", "a", false);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=x", "limit"),
            ("after_id=up/a&before_id=up/b", "before_id"),
        ] {
            assert_eq!(ModelPage::read(query).unwrap_err().param.as_deref(), Some(param), "{query}");
        }
        let unknown = ModelPage::read("after_id=nope").unwrap().of(&[]).unwrap_err();
        assert_eq!(unknown.param.as_deref(), Some("after_id"));
    }
}
