//! Operators: people and teams that own keys. A new one comes with a key, which also stands in its key file.

use brains_core::id::Id;
use brains_core::plane::key::generate;
use brains_core::plane::operator::{OperatorRecord, check_slug};
use brains_core::principal::{ADMIN, KeyScope, LOCAL, Role};
use brains_core::{Fault, Millis};
use brains_store::{Scope, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::context::Cx;
use crate::idempotency::lapsed;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::plane::key::{self, KeyLine};
use crate::plane::session;
use crate::tool::ToolShape;

const NOUN: &str = "operator";
const DISPLAY_NAME_MAX: usize = 200;

/// Adds an operator with a first key. The key itself is in the answer, this once, and in the file
/// `operator-keys/<slug>.key` of the state directory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddOperator {
    /// Unique name: lower-case letters, digits, `_` and `-`, at most 63. It is never used twice.
    slug: String,
    /// Name for people.
    display_name: Option<String>,
    /// What the operator may be; `member` when nothing is said.
    role: Option<Role>,
}

/// A fresh operator.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OperatorAdded {
    operator: OperatorRecord,
    /// First 16 hex digits of the key's SHA-256.
    key_fingerprint: String,
    /// The key itself, shown this once: none when the request was made before.
    key: Option<String>,
}

impl std::fmt::Debug for OperatorAdded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorAdded").field("operator", &self.operator).finish_non_exhaustive()
    }
}

impl Operation for AddOperator {
    const NAME: &'static str = "add_operator";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["operator", "add"])
        .positional(&["slug"])
        .shorts(&[("display_name", 'n')])
        .table("", &["operator.slug", "operator.display_name", "operator.role", "key"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Add a colleague",
        command: "operator add ada --display-name \"Ada Lovelace\"",
        input: r#"{"slug": "ada", "display_name": "Ada Lovelace"}"#,
    }];
    type Output = OperatorAdded;

    async fn run(self, cx: &Cx<'_>) -> Result<OperatorAdded, Fault> {
        cx.check_person("an operator is added")?;
        check_slug(&self.slug)?;
        let display_name =
            self.display_name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        if display_name
            .as_ref()
            .is_some_and(|name| name.chars().count() > DISPLAY_NAME_MAX || name.chars().any(char::is_control))
        {
            return Err(Fault::invalid(format!(
                "`display_name` must have at most {DISPLAY_NAME_MAX} printable characters"
            ))
            .param("display_name"));
        }
        let created_at = cx.now();
        let operator = OperatorRecord {
            id: Id::mint(&*cx.control.ambient),
            slug: self.slug,
            display_name,
            role: self.role.unwrap_or(Role::Member),
            created_at,
            revoked_at: None,
        };
        let secret = generate(&*cx.control.ambient);
        let scopes = vec![KeyScope::Gateway, KeyScope::Read, KeyScope::Write];
        let mut record =
            key::record(cx, &secret, "first".into(), operator.slug.clone(), scopes, created_at, None);
        // The operator's own, so all that the operator is.
        record.role = operator.role;
        let key_fingerprint = record.fingerprint.clone();
        let raw = secret.expose().to_owned();
        let (files, stored) = (cx.control.ports.files.clone(), operator.clone());
        let added = cx
            .write_or_repeat(
                Scope::global(),
                move |tx| {
                    Box::pin(async move {
                        tx.insert_operator(&stored).await?;
                        tx.insert_key(&record).await?;
                        tx.record(
                            "operator.add",
                            json!({ "slug": stored.slug, "role": stored.role, "key": record.id }),
                        )
                        .await?;
                        // Last, so that a refused statement leaves no file.
                        files.write_operator_key(stored.slug.clone(), secret.clone()).await?;
                        Ok((stored, key_fingerprint))
                    })
                },
                |tx, before| Box::pin(still_there(tx, before)),
            )
            .await;
        match added {
            Ok(((operator, key_fingerprint), before)) => {
                Ok(OperatorAdded { operator, key_fingerprint, key: (!before).then_some(raw) })
            }
            Err(fault) => {
                forget_unless_there(cx, &operator.slug).await;
                Err(fault)
            }
        }
    }
}

/// An operator that was added before; one that was revoked since is no grant.
async fn still_there(
    tx: &mut Tx,
    (before, fingerprint): (OperatorRecord, String),
) -> Result<(OperatorRecord, String), Fault> {
    let operator = tx.operator(&before.slug).await?.filter(|operator| operator.revoked_at.is_none());
    let operator = operator
        .ok_or_else(|| lapsed(format!("the operator `{}` that it added was revoked since", before.slug)))?;
    Ok((operator, fingerprint))
}

/// After a write that was rolled back behind the file: removes it, unless the operator exists (the slug was
/// taken, or the commit went through after all).
async fn forget_unless_there(cx: &Cx<'_>, slug: &str) {
    let there = match cx.control.store.read().await {
        Ok(mut view) => view.operator(slug).await.map(|operator| operator.is_some()),
        Err(error) => Err(error),
    };
    if there == Ok(false)
        && let Err(fault) = cx.control.ports.files.remove_operator_key(slug.to_owned()).await
    {
        tracing::warn!(operator.slug = slug, error = %fault, "the key file of an operator that was not added is left behind");
    }
}

/// Lists the operators.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListOperators {
    /// Revoked ones too.
    #[serde(default)]
    all: bool,
}

/// One operator.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OperatorLine {
    /// None for the built-in operator.
    id: Option<Id<brains_core::id::Operator>>,
    slug: String,
    display_name: Option<String>,
    role: Role,
    created_at: Option<Millis>,
    revoked_at: Option<Millis>,
    /// First 16 hex digits of the SHA-256 of its oldest working key.
    key_fingerprint: Option<String>,
}

/// Operators.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OperatorList {
    operators: Vec<OperatorLine>,
}

impl OperatorLine {
    fn of(operator: OperatorRecord, keys: &[KeyLine]) -> Self {
        let OperatorRecord { id, slug, display_name, role, created_at, revoked_at } = operator;
        let key_fingerprint = first_working(keys, &slug);
        Self {
            id: Some(id),
            slug,
            display_name,
            role,
            created_at: Some(created_at),
            revoked_at,
            key_fingerprint,
        }
    }

    /// The one behind the admin key, which has no row.
    async fn admin(cx: &Cx<'_>) -> Self {
        // Without its fingerprint when the key file cannot be read: the list is of use all the same.
        let key_fingerprint = cx.control.ports.files.admin_key().await.ok().map(|key| key.fingerprint);
        Self {
            id: None,
            slug: ADMIN.into(),
            display_name: None,
            role: Role::Admin,
            created_at: None,
            revoked_at: None,
            key_fingerprint,
        }
    }
}

fn first_working(keys: &[KeyLine], slug: &str) -> Option<String> {
    keys.iter().find(|key| key.belongs_to(slug)).map(|key| key.fingerprint().to_owned())
}

impl Operation for ListOperators {
    const NAME: &'static str = "list_operators";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["operator", "list"])
        .table("operators", &["slug", "display_name", "role", "key_fingerprint", "created_at", "revoked_at"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Who may use this installation", command: "operator list", input: "{}" }];
    type Output = OperatorList;

    async fn run(self, cx: &Cx<'_>) -> Result<OperatorList, Fault> {
        let mut view = cx.control.store.read().await?;
        let keys = key::working(&mut view, None, cx.now()).await?;
        let operators = view.operators().await?;
        let shown = operators.into_iter().filter(|operator| self.all || operator.is_active());
        let mut operators = vec![OperatorLine::admin(cx).await];
        operators.extend(shown.map(|operator| OperatorLine::of(operator, &keys)));
        Ok(OperatorList { operators })
    }
}

/// Shows one operator with its keys. A member sees themselves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowOperator {
    /// The operator's slug; the caller when nothing is said.
    slug: Option<String>,
}

/// An operator with its working keys.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OperatorShown {
    operator: OperatorLine,
    keys: Vec<KeyLine>,
}

impl Operation for ShowOperator {
    const NAME: &'static str = "show_operator";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["operator", "show"]).positional(&["slug"]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "Who am I", command: "operator show", input: "{}" },
        Example { title: "Somebody else", command: "operator show ada", input: r#"{"slug": "ada"}"# },
    ];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people();
    type Output = OperatorShown;

    async fn run(self, cx: &Cx<'_>) -> Result<OperatorShown, Fault> {
        let asked = self.slug.unwrap_or_else(|| cx.principal.operator.clone());
        let slug = if asked == LOCAL { ADMIN.to_owned() } else { asked };
        let unseen = || Fault::not_found("operator", &slug).param("slug");
        if !key::visible_keys(cx.principal, Some(slug.clone())).holds(&slug, None) {
            return Err(unseen());
        }
        let mut view = cx.control.store.read().await?;
        let keys = key::working(&mut view, Some(&slug), cx.now()).await?;
        let operator = if slug == ADMIN {
            OperatorLine::admin(cx).await
        } else {
            OperatorLine::of(view.operator(&slug).await?.ok_or_else(unseen)?, &keys)
        };
        Ok(OperatorShown { operator, keys })
    }
}

/// Revokes an operator and all its keys. They stop working at once; the slug is never used again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeOperator {
    /// The operator's slug.
    slug: String,
}

/// An operator that was revoked.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OperatorRevoked {
    operator: OperatorRecord,
    /// How many keys stopped working.
    keys_revoked: u64,
    /// How many sessions ended; what they held is free.
    sessions_ended: u64,
}

impl Operation for RevokeOperator {
    const NAME: &'static str = "revoke_operator";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["operator", "revoke"])
        .positional(&["slug"])
        .confirm("Revoke the operator and all its keys? This cannot be taken back.");
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Revoke an operator",
        command: "operator revoke ada --yes",
        input: r#"{"slug": "ada"}"#,
    }];
    type Output = OperatorRevoked;

    async fn run(self, cx: &Cx<'_>) -> Result<OperatorRevoked, Fault> {
        let slug = self.slug;
        if slug == ADMIN || slug == LOCAL {
            return Err(Fault::conflict(format!("`{slug}` is a built-in operator"))
                .param("slug")
                .hint("`brains admin-key rotate` makes the old admin key worthless"));
        }
        let name = slug.clone();
        let scopes = session::scopes_of(cx, &slug).await?;
        let (operator, keys_revoked, sessions_ended) = cx
            .write(scopes, move |tx| {
                Box::pin(async move {
                    if let Some((operator, keys)) = tx.revoke_operator(&slug).await? {
                        let sessions = session::end_all_of(tx, &slug).await?;
                        let detail = json!({ "slug": slug, "keys": keys, "sessions": sessions });
                        tx.record("operator.revoke", detail).await?;
                        return Ok((operator, keys, sessions));
                    }
                    match tx.operator(&slug).await? {
                        Some(_) => Err(Fault::conflict(format!("the operator `{slug}` is revoked already"))),
                        None => Err(Fault::not_found("operator", &slug)
                            .param("slug")
                            .hint("`brains operator list` shows them")),
                    }
                })
            })
            .await?;
        // The key is worthless by now; a file that cannot be removed is only litter.
        if let Err(fault) = cx.control.ports.files.remove_operator_key(name.clone()).await {
            tracing::warn!(operator.slug = %name, error = %fault, "the key file of a revoked operator is left behind");
        }
        cx.control.freed.notify_waiters();
        Ok(OperatorRevoked { operator, keys_revoked, sessions_ended })
    }
}
