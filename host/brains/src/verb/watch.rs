//! Who works where, over all workspaces, drawn anew whenever it changes.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use brains_control::Registry;
use serde_json::{Value, json};

use crate::cli::Watch;
use crate::output::{self, Form};
use crate::shell::Shell;
use crate::verb::{call, must_run};

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The screen empty, the cursor at its beginning.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Follows the sessions of the running service until it is interrupted.
pub(crate) async fn watch(shell: &Shell, wanted: Watch) -> Result<(), anyhow::Error> {
    let registry = Registry::new();
    let entry = registry.find("list_activity").and_then(|entry| entry.cli.table);
    let mut before = Value::Null;
    loop {
        // Without a service nothing would change but by commands, and each look would open the database.
        must_run(shell)?;
        let now = call::by_name(shell, "list_activity", json!({})).await?;
        if now != before {
            match shell.form {
                Form::Json => output::line(&now)?,
                Form::Table => {
                    if !wanted.once && io::stdout().is_terminal() {
                        write!(io::stdout().lock(), "{CLEAR}")?;
                    }
                    output::answer(&now, Form::Table, entry)?;
                }
            }
            before = now;
        }
        if wanted.once {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
    }
}
