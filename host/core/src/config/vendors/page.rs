//! The page of the vendors for people, written from the table.

use std::fmt::Write as _;

use super::{Serves, Vendors};

const HEAD: &str = "# Vendors by name

<!-- Written from plugins/vendors.yaml; rewrite it with `UPDATE=1 cargo xtask test docs`. -->

`providers: { NAME: {} }` makes an instance of each of these: component, address and key are filled in, and what you set
yourself wins. [The guide](../guides/vendors.md) shows how. What a vendor serves is what its page said on the day it was
read; what is not named is not known.

| Name | Vendor | Component | Address | Key | Serves | Read |
|---|---|---|---|---|---|---|
";

impl Vendors {
    /// The page.
    pub fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        let mut notes = String::new();
        for (name, row) in self.iter() {
            let address = row.base_url.as_ref().or(row.base_url_form.as_ref()).map_or("–", String::as_str);
            let key = row.key.as_ref().map_or_else(|| "–".to_owned(), |key| format!("`{key}`"));
            let serves: Vec<&str> = row.serves.iter().map(|it| it.word()).collect();
            let _written = writeln!(
                page,
                "| `{name}` | {} | `{}` | `{address}` | {key} | {} | [{}]({}) |",
                row.label,
                row.component,
                serves.join(", "),
                row.as_of,
                row.source
            );
            if let Some(note) = &row.note {
                let _written = writeln!(notes, "- `{name}`: {note}.");
            }
        }
        if !notes.is_empty() {
            page.push_str("\n## Worth knowing\n\n");
            page.push_str(&notes);
        }
        page
    }
}

impl Serves {
    const fn word(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Tools => "tools",
            Self::Images => "images",
            Self::Schemas => "schemas",
            Self::Reasoning => "reasoning",
            Self::Embeddings => "embeddings",
            Self::Models => "models",
        }
    }
}
