//! Begins a component: a folder that builds by itself, with the sources of the SDK in it.

use std::path::Path;

use brains_core::plane::is_slug;
use brains_core::{Fault, FaultKind, Origin};
use fs_err as fs;
use serde_json::json;

use super::artifact::unreadable;
use crate::cli::{NewPlugin, PluginKind, PluginWire};
use crate::home;
use crate::output;
use crate::shell::Shell;

include!(concat!(env!("OUT_DIR"), "/scaffold.rs"));

/// Languages with a scaffold.
const LANGUAGES: [&str; 1] = ["rust"];
/// Names that the parts of a scaffold have already.
const TAKEN: [&str; 9] = [
    "brains-sdk",
    "brains-dialect",
    "serde",
    "serde_json",
    "memchr",
    "sha2",
    "thiserror",
    "wit-bindgen",
    "test",
];
/// Endings of templates whose real name would mean something to this repository's own tools.
const ALIASES: [(&str, &str); 2] = [("Cargo.toml.txt", "Cargo.toml"), ("gitignore.txt", ".gitignore")];

/// Writes the folder, whole or not at all.
pub(super) fn new(shell: &Shell, wanted: &NewPlugin) -> Result<(), anyhow::Error> {
    check(wanted)?;
    let target = wanted.into.join(&wanted.name);
    if target.exists() {
        return Err(Fault::conflict(format!("`{}` is there already", target.display()))
            .hint("choose another name, or another folder with --into")
            .into());
    }
    let failed = |error: std::io::Error| {
        Fault::new(home::error_kind(&error), Origin::Brains, format!("could not write the scaffold: {error}"))
    };
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| unreadable(&error))?;
    let aside = tempfile::Builder::new().prefix(".brains-").tempdir_in(parent).map_err(failed)?;
    let count = write(aside.path(), wanted).map_err(failed)?;
    // Others may read a project; the temporary folder was closed.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(aside.path(), open).map_err(failed)?;
    fs::rename(aside.keep(), &target).map_err(failed)?;
    let answer = json!({
        "folder": target.display().to_string(),
        "kind": wanted.kind.name(),
        "language": wanted.lang,
        "files": count,
        "next": format!("cd {} && brains plugin build && brains plugin test", target.display()),
    });
    Ok(output::answer(&answer, shell.form, None)?)
}

fn check(wanted: &NewPlugin) -> Result<(), Fault> {
    let invalid = |message: String, hint: &str| {
        Err(Fault::new(FaultKind::Invalid, Origin::Client, message).hint(hint.to_owned()))
    };
    if !LANGUAGES.contains(&wanted.lang.as_str()) {
        return invalid(
            format!("there is no scaffold for `{}`; there is one for {}", wanted.lang, LANGUAGES.join(", ")),
            "a scaffold for Rust has the interface in `wit/`; componentize-qjs builds JavaScript against it, componentize-py Python",
        );
    }
    if wanted.wire.is_some() && wanted.kind != PluginKind::Provider {
        return invalid(
            format!("a {} speaks no wire", wanted.kind.name()),
            "leave out --wire, or take --kind provider",
        );
    }
    let name = &wanted.name;
    if !is_slug(name) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return invalid(
            format!("`{name}` is no name for a component"),
            "lower-case letters, digits, `_` and `-`, at most 63, a letter first",
        );
    }
    if TAKEN.contains(&name.as_str()) {
        return invalid(format!("`{name}` is the name of a part of every scaffold"), "choose another");
    }
    Ok(())
}

fn write(folder: &Path, wanted: &NewPlugin) -> std::io::Result<usize> {
    let summary =
        wanted.summary.clone().unwrap_or_else(|| format!("The {} {}", wanted.kind.name(), wanted.name));
    let values = [
        ("{{name}}", wanted.name.clone()),
        ("{{type}}", type_name(&wanted.name)),
        ("{{summary}}", summary.trim_end_matches('.').replace(['"', '\\', '\n', ':', '#'], " ")),
        ("{{version}}", crate::VERSION.to_owned()),
    ];
    let own = format!("{}/", template(wanted));
    let templates = TEMPLATES.iter().filter_map(|(path, text)| {
        let path = match path.strip_prefix("common/").or_else(|| path.strip_prefix(own.as_str())) {
            Some(path) => path,
            None if path.starts_with("sdk/") => path,
            None => return None,
        };
        let mut path = path.to_owned();
        for (alias, real) in ALIASES {
            if let Some(before) = path.strip_suffix(alias) {
                path = format!("{before}{real}");
            }
        }
        let text = values.iter().fold((*text).to_owned(), |text, (mark, value)| text.replace(mark, value));
        Some((path, text))
    });
    let verbatim = SDK.iter().chain(LOCK).map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let mut count = 0;
    for (path, text) in templates.chain(verbatim) {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(file, text)?;
        count += 1;
    }
    Ok(count)
}

/// The folder of its templates.
const fn template(wanted: &NewPlugin) -> &'static str {
    match wanted.wire {
        Some(PluginWire::Own) => "provider-own",
        Some(PluginWire::OpenAiChat) | None => wanted.kind.name(),
    }
}

/// `acme-eu` as `AcmeEu`.
fn type_name(name: &str) -> String {
    let words = name.split(['-', '_']).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let mut chars = word.chars();
            chars
                .next()
                .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
                .unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests;
