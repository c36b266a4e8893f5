//! What the workspaces depend on: that each crate uses what its manifest names, and what `deny.toml` says of licences,
//! advisories, bans and sources.

use anyhow::Result;

use crate::shell::{Call, Repository};
use crate::tools;

/// The host's workspace, which meets everything that `deny.toml` allows, and that of the components, which meets less.
const MANIFESTS: [(&str, &str); 2] = [("Cargo.toml", "--deny"), ("plugins/Cargo.toml", "--allow")];
/// What `deny.toml` allows and no crate meets.
const UNMET: [&str; 2] = ["license-not-encountered", "unused-wrapper"];
/// What is known without anybody's help.
const KNOWN_HERE: [&str; 3] = ["bans", "licenses", "sources"];

/// Dependencies that no code of their crate names.
pub(crate) fn machete(repository: &Repository) -> Result<()> {
    let machete = tools::cargo_program(repository, "cargo-machete", "0.9.2")?;
    // The examples are members of the components' workspace and have no root above them, which it does not understand.
    Call::new(machete).args(["--skip-target-dir", "host", "tests", "plugins"]).within(repository.root()).run()
}

/// Licences, bans and sources always; advisories when their database can be had, which is a repository of others.
pub(crate) fn deny(repository: &Repository) -> Result<()> {
    let deny = tools::cargo_program(repository, "cargo-deny", "0.20.2")?;
    let call = |manifest: &str| {
        let flags = ["--locked", "--config", "deny.toml", "--manifest-path", manifest];
        Call::new(&deny).args(flags).within(repository.root())
    };
    for (manifest, unmet) in MANIFESTS {
        let unmet = UNMET.iter().flat_map(|lint| [unmet, lint]);
        call(manifest).arg("check").args(unmet).args(KNOWN_HERE).run()?;
    }
    for (manifest, _) in MANIFESTS {
        if let Err(error) = call(manifest).args(["fetch", "db"]).read() {
            eprintln!("ADVISORIES WERE NOT CHECKED, their database could not be fetched: {error:#}");
            return Ok(());
        }
        call(manifest).args(["check", "advisories"]).run()?;
    }
    Ok(())
}
