//! The revisions of the overlay: their list, what differs between two of them, and the way back to one. History is
//! never rewritten: going back is a revision of its own.

use std::collections::BTreeMap;

use brains_core::config::{Difference, Problem, differences, is_covered};
use brains_core::plane::config::ConfigRevision;
use brains_core::principal::Role;
use brains_core::secret::sha256_hex;
use brains_core::{Fault, Millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{NOUN, change};
use crate::context::Cx;
use crate::input::page;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::ports::{Overlay, OverlayEdit, Proposal};

/// Revisions that are looked through for authors at most.
const WALK: u32 = 1_000;

/// Lists the revisions of the overlay, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListConfigRevisions {
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this number: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of revisions.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RevisionPage {
    revisions: Vec<ConfigRevision>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListConfigRevisions {
    const NAME: &'static str = "list_config_revisions";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "history"])
        .aliases(&[Alias { path: &["config", "revisions"], hidden: true }])
        .table("revisions", &["number", "created_at", "author", "cause", "changed"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "The last five edits",
        command: "config history --limit 5",
        input: r#"{"limit": 5}"#,
    }];
    type Output = RevisionPage;

    async fn run(self, cx: &Cx<'_>) -> Result<RevisionPage, Fault> {
        let limit = page::limit(self.limit)?;
        let before = match &self.cursor {
            Some(cursor) => Some(cursor.parse::<u64>().map_err(|_| page::bad_cursor())?),
            None => None,
        };
        let mut view = cx.control.store.read().await?;
        let mut revisions = view.config_revisions(before, limit + 1).await?;
        let next_cursor = cx.budget.cut(&mut revisions, limit, |revision| revision.number.to_string());
        Ok(RevisionPage { revisions, next_cursor })
    }
}

/// Shows what differs between two revisions of the overlay, or between one and the file as it stands. Secrets
/// are covered, so a change of one raw secret to another does not show.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiffConfig {
    /// Number of the older revision; 0 is the empty overlay. Default: the newest whose text differs from the other side.
    from: Option<u64>,
    /// Number of the newer revision. Default: the file as it stands.
    to: Option<u64>,
}

/// One side of a comparison.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Side {
    /// Number of the revision; none for edits of the file that are in no revision yet.
    revision: Option<u64>,
    author: Option<String>,
    created_at: Option<Millis>,
}

/// One value that differs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChangeShown {
    /// Dotted path.
    key: String,
    /// What stood there; none when nothing did.
    old: Option<Value>,
    /// What stands there now; none when nothing does.
    new: Option<Value>,
    /// Who changed it last.
    author: Option<String>,
}

/// The differences between two overlays.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConfigDiff {
    from: Side,
    to: Side,
    changes: Vec<ChangeShown>,
    /// Whether the texts are the same, comments and layout included.
    same_text: bool,
}

/// One side's content.
struct Content {
    side: Side,
    document: Value,
    digest: String,
}

impl Operation for DiffConfig {
    const NAME: &'static str = "diff_config";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "diff"])
        .positional(&["from", "to"])
        .table("changes", &["key", "old", "new", "author"]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "What the last change changed", command: "config diff", input: "{}" },
        Example {
            title: "Compare two revisions",
            command: "config diff 3 5",
            input: r#"{"from": 3, "to": 5}"#,
        },
    ];
    type Output = ConfigDiff;

    async fn run(self, cx: &Cx<'_>) -> Result<ConfigDiff, Fault> {
        let mut view = cx.control.store.read().await?;
        // Newest first, without their content.
        let known = view.config_revisions(None, WALK).await?;
        let to = match self.to {
            Some(number) => of_revision(number, view.config_revision(number).await?)?,
            None => of_file(&cx.control.ports.settings.overlay().await?, &known),
        };
        let from = match self.from {
            Some(0) => empty(),
            Some(number) => of_revision(number, view.config_revision(number).await?)?,
            None => {
                let before = to.side.revision.unwrap_or(u64::MAX);
                let other = known.iter().find(|it| it.number < before && it.digest != to.digest);
                match other.map(|other| other.number) {
                    Some(number) => of_revision(number, view.config_revision(number).await?)?,
                    None => empty(),
                }
            }
        };
        let since = from.side.revision.unwrap_or(0);
        let until = to.side.revision.unwrap_or(u64::MAX);
        let mut authors: BTreeMap<&str, &str> = BTreeMap::new();
        for revision in known.iter().filter(|it| it.number > since && it.number <= until) {
            for key in &revision.changed {
                authors.entry(key).or_insert(&revision.author);
            }
        }
        let author = |key: &str| {
            let related = |known: &str| {
                let below = |long: &str, short: &str| {
                    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                below(known, key) || below(key, known)
            };
            let found = authors.iter().find(|(known, _)| related(known));
            let by_hand = to.side.revision.is_none().then_some(change::BY_HAND);
            found.map(|(_, author)| *author).or(by_hand).map(str::to_owned)
        };
        let changes = differences(&from.document, &to.document)
            .into_iter()
            .map(|Difference { key, old, new }| ChangeShown { author: author(&key), key, old, new })
            .collect();
        Ok(ConfigDiff { same_text: from.digest == to.digest, from: from.side, to: to.side, changes })
    }
}

fn empty() -> Content {
    Content {
        side: Side { revision: Some(0), author: None, created_at: None },
        document: json!({}),
        digest: sha256_hex(b""),
    }
}

fn of_file(file: &Overlay, known: &[ConfigRevision]) -> Content {
    let digest = sha256_hex(file.text.as_bytes());
    let newest = known.first().filter(|newest| newest.digest == digest);
    let side = Side {
        revision: newest.map(|newest| newest.number),
        author: newest.map(|newest| newest.author.clone()),
        created_at: newest.map(|newest| newest.created_at),
    };
    Content { side, document: change::covered(&file.shown), digest }
}

fn of_revision(number: u64, found: Option<ConfigRevision>) -> Result<Content, Fault> {
    let revision = revision(number, found)?;
    Ok(Content {
        side: Side {
            revision: Some(number),
            author: Some(revision.author),
            created_at: Some(revision.created_at),
        },
        document: revision.document.unwrap_or_else(|| json!({})),
        digest: revision.digest,
    })
}

fn revision(number: u64, found: Option<ConfigRevision>) -> Result<ConfigRevision, Fault> {
    found.ok_or_else(|| {
        Fault::not_found("revision", number)
            .param("revision")
            .hint("`brains config history` lists the revisions")
    })
}

/// Brings the overlay back to what it was at a revision, comments and order included, as a new revision. The whole
/// configuration is validated with it first, and it is in force when this answers. A revision whose text held a
/// raw secret comes back value by value, and the secrets that stand in the file stay.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackConfig {
    /// Number of the revision to go back to; 0 is the empty overlay.
    revision: u64,
}

/// An overlay that is in force again.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConfigRolledBack {
    /// Number of the revision that was made.
    revision: u64,
    /// Number of the one that it went back to.
    to: u64,
    /// Dotted paths that were changed.
    changed: Vec<String>,
    warnings: Vec<Problem>,
}

impl Operation for RollbackConfig {
    const NAME: &'static str = "rollback_config";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "rollback"])
        .positional(&["revision"])
        .table("", &["revision", "to", "changed"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Undo everything after revision 4",
        command: "config rollback 4",
        input: r#"{"revision": 4}"#,
    }];
    type Output = ConfigRolledBack;

    async fn run(self, cx: &Cx<'_>) -> Result<ConfigRolledBack, Fault> {
        let goal = match self.revision {
            0 => Goal { text: Some(String::new()), document: json!({}) },
            number => {
                let found = cx.control.store.read().await?.config_revision(number).await?;
                let revision = revision(number, found)?;
                Goal { text: revision.text, document: revision.document.unwrap_or_else(|| json!({})) }
            }
        };
        let change = change::settle(cx, "config.rollback", |now| goal.from(self.revision, now)).await?;
        Ok(ConfigRolledBack {
            revision: change.revision,
            to: self.revision,
            changed: change.changed,
            warnings: change.warnings,
        })
    }
}

/// Where a rollback leads.
struct Goal {
    text: Option<String>,
    document: Value,
}

impl Goal {
    fn from(&self, number: u64, now: &Overlay) -> Result<Proposal, Fault> {
        if let Some(text) = &self.text {
            return Ok(Proposal::Text(text.clone()));
        }
        let mut edits = Vec::new();
        for change in differences(&change::covered(&now.shown), &self.document) {
            if change.new.as_ref().is_some_and(is_covered) {
                return Err(Fault::conflict(format!(
                    "revision {number} held a raw secret at `{}`, which is not kept",
                    change.key
                ))
                .param("revision")
                .hint("set that value by reference, `${ENV:NAME}` or `${FILE:path}`, and try again, or edit the file"));
            }
            edits.push(OverlayEdit { key: change.key, value: change.new });
        }
        Ok(Proposal::Edits(edits))
    }
}
