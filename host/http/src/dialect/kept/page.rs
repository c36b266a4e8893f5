//! What the query says of a kept answer, and of the list of what went into it.

use brains_core::Fault;
use brains_dialect::ingress::ItemPage;
use percent_encoding::percent_decode_str;

/// As many as one page may hold, and as one holds when nothing is said.
const MOST: usize = 100;
const USUAL: usize = 20;

/// Parameters that say how an answer is to be told. It is told whole.
pub(super) fn whole(query: &str) -> Result<(), Fault> {
    for (name, value) in parameters(query) {
        match (name, value.as_str()) {
            ("stream", "false") => {}
            ("stream" | "starting_after", _) => {
                let message = "a response that was answered at once is not streamed again";
                return Err(Fault::invalid(message).code("unsupported_parameter").param(name));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads which page is asked for. Parameters that mean nothing here are left alone.
pub(super) fn read(query: &str) -> Result<ItemPage, Fault> {
    let mut page = ItemPage { limit: USUAL, ascending: false, after: None };
    for (name, value) in parameters(query) {
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                page.limit = limit.ok_or_else(|| {
                    bad_page("limit", &format!("`limit` is a whole number from 1 to {MOST}"))
                })?;
            }
            "order" => {
                page.ascending = match value.as_str() {
                    "asc" => true,
                    "desc" => false,
                    _ => return Err(bad_page("order", "`order` is `asc` or `desc`")),
                }
            }
            "after" => page.after = Some(value),
            "before" => return Err(bad_page("before", "pages begin behind an item: `after`")),
            _ => {}
        }
    }
    Ok(page)
}

fn parameters(query: &str) -> impl Iterator<Item = (&str, String)> {
    let pairs = query.split('&').filter_map(|parameter| parameter.split_once('='));
    pairs.map(|(name, value)| (name, percent_decode_str(value).decode_utf8_lossy().into_owned()))
}

fn bad_page(name: &'static str, why: &str) -> Fault {
    Fault::invalid(why).code("invalid_value").param(name)
}

#[cfg(test)]
mod tests {
    use super::{read, whole};
    use brains_dialect::ingress::ItemPage;

    #[test]
    fn a_page_is_read() {
        let page = |limit, ascending, after: Option<&str>| ItemPage {
            limit,
            ascending,
            after: after.map(str::to_owned),
        };
        assert_eq!(read("").unwrap(), page(20, false, None));
        assert_eq!(read("order=desc&include=x&limit=1").unwrap(), page(1, false, None));
        assert_eq!(read("limit=100&order=asc&after=msg%5F1").unwrap(), page(100, true, Some("msg_1")));
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("order=up", "order"),
            ("before=a", "before"),
        ] {
            assert_eq!(read(query).unwrap_err().param.as_deref(), Some(param), "{query}");
        }
    }

    #[test]
    fn what_is_kept_is_told_whole() {
        for fine in ["", "include=a", "stream=false"] {
            assert!(whole(fine).is_ok(), "{fine}");
        }
        for (query, param) in [("stream=true", "stream"), ("stream=false&starting_after=3", "starting_after")]
        {
            assert_eq!(whole(query).unwrap_err().param.as_deref(), Some(param), "{query}");
        }
    }
}
