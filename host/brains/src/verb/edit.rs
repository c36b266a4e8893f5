//! The configuration file in an editor: what comes of it is checked before it takes the file's place, so that a service which
//! watches the file never reads half of an edit, nor one that is not sound.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use brains_core::Fault;
use fs_err as fs;
use serde_json::{Value, json};

use super::STARTER;
use crate::home;
use crate::instance;
use crate::output;
use crate::shell::Shell;
use crate::verb::call;

/// Opens it, checks what was written, and puts it in place; a running service has it in force when this ends.
pub(crate) async fn edit(shell: &Shell) -> Result<(), anyhow::Error> {
    let sources = shell.sources(std::collections::BTreeMap::new())?;
    let file = sources.yaml().to_owned();
    let before = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => STARTER.to_owned(),
        Err(error) => return Err(error.into()),
    };
    let copy = copied(&before)?;
    open(shell, &copy)?;
    let after = fs::read_to_string(&copy).context("what the editor left could not be read")?;
    if after == before {
        drop(fs::remove_file(&copy));
        return Ok(output::answer(&json!({ "file": file, "changed": false }), shell.form, None)?);
    }
    let checked = call::by_name(shell, "check_config", json!({ "document": after })).await?;
    if checked.get("ok") != Some(&Value::Bool(true)) {
        return Err(unsound(&checked, &copy).into());
    }
    shell.home.ensure()?;
    home::write_atomically(&file, after.as_bytes()).context("the configuration could not be written")?;
    drop(fs::remove_file(&copy));
    let served = instance::running(&shell.home)?.is_some_and(|running| running.gateway().is_some());
    let reloaded = if served { call::by_name(shell, "reload_config", json!({})).await? } else { Value::Null };
    let answer = json!({
        "file": file,
        "changed": true,
        "warnings": checked.get("warnings"),
        "in_force_since": reloaded.get("in_force_since"),
    });
    Ok(output::answer(&answer, shell.form, None)?)
}

/// The text in a file of its own, closed to others, for the editor.
fn copied(text: &str) -> Result<PathBuf, anyhow::Error> {
    let made = tempfile::Builder::new().prefix("brains-config-").suffix(".yaml").tempfile();
    let mut file = made.context("a file for the editor")?;
    file.write_all(text.as_bytes()).context("a file for the editor")?;
    Ok(file.keep().context("a file for the editor")?.1)
}

/// Runs the editor that the user has chosen. It may be a command with options.
fn open(shell: &Shell, file: &std::path::Path) -> Result<(), anyhow::Error> {
    let chosen = ["VISUAL", "EDITOR"].iter().find_map(|name| shell.environment.get(name));
    let editor = chosen.unwrap_or("vi");
    let ended = Command::new("sh").args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(file).status();
    let ended = ended.with_context(|| format!("could not start `{editor}`"))?;
    if ended.success() {
        return Ok(());
    }
    drop(fs::remove_file(file));
    Err(Fault::invalid(format!("the editor `{editor}` ended with {ended}: nothing was changed"))
        .hint("set EDITOR to another one")
        .into())
}

fn unsound(checked: &Value, copy: &std::path::Path) -> Fault {
    let problems = checked.get("problems").and_then(Value::as_array).cloned().unwrap_or_default();
    let told: Vec<String> = problems
        .iter()
        .map(|problem| {
            let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("`{}` {}", text("path"), text("message"))
        })
        .collect();
    Fault::invalid(format!("the edit is not sound, and not in place: {}", told.join("; ")))
        .code("config_invalid")
        .hint(format!("what you wrote is kept in {}", copy.display()))
}
