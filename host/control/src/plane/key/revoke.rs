//! A key is taken back: by its id, or by the name that people know it by.

use brains_core::Fault;
use brains_core::id::{Id, Key};
use brains_core::plane::key::KeyState;
use brains_core::principal::Role;
use brains_store::Tx;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::KeyLine;
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};

/// Takes a key back, by its id or by its name. It stops working at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeKey {
    /// The key's id or its name, as `list_keys` shows them.
    id: String,
    /// Slug of the operator whose key of that name is meant, where several have one.
    operator: Option<String>,
}

/// A key that was taken back.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyRevoked {
    key: KeyLine,
}

impl Operation for RevokeKey {
    const NAME: &'static str = "revoke_key";
    const NOUN: &'static str = "key";
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["key", "revoke"]).positional(&["id"]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "By its name", command: "key revoke laptop", input: r#"{"id": "laptop"}"# },
        Example {
            title: "By its id",
            command: "key revoke key_01kax3v7yqe5nbp8w0c4mzt6rd",
            input: r#"{"id": "key_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
        },
    ];
    type Output = KeyRevoked;

    async fn run(self, cx: &Cx<'_>) -> Result<KeyRevoked, Fault> {
        let now = cx.now();
        let key = cx
            .write_global(move |tx| {
                Box::pin(async move {
                    let id = meant(tx, &self.id, self.operator.as_deref()).await?;
                    if let Some(key) = tx.revoke_key(&id).await? {
                        tx.record("key.revoke", json!({ "id": key.id, "operator": key.operator })).await?;
                        return Ok(key);
                    }
                    match tx.key(&id).await? {
                        Some(key) => Err(Fault::conflict(format!("the key `{}` is revoked already", key.id))),
                        None => Err(absent(&self.id)),
                    }
                })
            })
            .await?;
        Ok(KeyRevoked { key: KeyLine::of(key, now) })
    }
}

/// The key that is meant. Names are unique among the keys of one operator that work.
async fn meant(tx: &mut Tx, said: &str, operator: Option<&str>) -> Result<Id<Key>, Fault> {
    if let Some(id) = Id::parse(said) {
        return Ok(id);
    }
    let now = tx.now();
    let mut named = tx.keys(operator).await?;
    named.retain(|key| key.name == said && key.state(now) == KeyState::Active);
    match named.as_slice() {
        [] => Err(absent(said)),
        [key] => Ok(key.id.clone()),
        several => {
            let operators: Vec<&str> = several.iter().map(|key| key.operator.as_str()).collect();
            Err(Fault::conflict(format!("several operators have a key `{said}`: {}", operators.join(", ")))
                .param("operator")
                .hint("say whose with `operator`, or give the key's id"))
        }
    }
}

fn absent(said: &str) -> Fault {
    Fault::not_found("key", said).param("id").hint("`list_keys` shows ids and names of those that work")
}
