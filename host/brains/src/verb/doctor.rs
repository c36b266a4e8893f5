//! Checks everything that a service needs, without changing anything, and says what to do about the rest.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use brains_core::Fault;
use brains_core::config::{Config, Problem, Resolved, TierLead};
use brains_core::plane::operator::{OperatorRecord, stands_for};
use brains_core::secret::sha256_hex;
use brains_runtime::bundle;
use brains_store::{Store, StoreOptions};
use fs_err as fs;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use brains_control::Table;

use crate::admin_key;
use crate::audit_key;
use crate::home::{DIR_MODE, FILE_MODE};
use crate::instance::{self, RunningService};
use crate::output;
use crate::ports::blocking;
use crate::process;
use crate::services::{self, database_url};
use crate::shell::Shell;
use crate::verb::call;

/// A start wants this much room; less is a failure.
const LEAST_FREE: u64 = 64 << 20;
/// Less than this is worth a word.
const LITTLE_FREE: u64 = 1 << 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    result: Verdict,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

fn ok(check: &'static str, detail: impl Into<String>) -> Finding {
    Finding { check, result: Verdict::Ok, detail: detail.into(), next: None }
}

fn warn(check: &'static str, detail: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { check, result: Verdict::Warn, detail: detail.into(), next: Some(next.into()) }
}

fn fail(check: &'static str, detail: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { check, result: Verdict::Fail, detail: detail.into(), next: Some(next.into()) }
}

/// Looks at everything; a failure is also the exit code.
pub(crate) async fn doctor(shell: &Shell) -> Result<(), anyhow::Error> {
    let mut findings = state(shell);
    let sources = shell.sources(std::collections::BTreeMap::new())?;
    let resolved = sources.resolve();
    let running = instance::running(&shell.home)?;
    findings.push(service(&shell.home.runtime(), running.as_ref()));
    findings.extend(readiness(shell, running.as_ref()).await);
    match &resolved {
        Ok(resolved) => {
            let Resolved { config, warnings, .. } = resolved;
            let place = if sources.yaml().exists() {
                sources.yaml().display().to_string()
            } else {
                "defaults".into()
            };
            let mut of_components = component_problems(shell, resolved.clone()).await;
            // A service has an environment of its own, and says itself what it misses.
            if running.is_none() {
                of_components.extend(resolved.missing.iter().map(unsound));
            }
            if of_components.is_empty() {
                findings.push(ok("configuration", format!("sound ({place})")));
            }
            findings.extend(of_components);
            findings.extend(
                warnings.iter().map(|warning| {
                    warn("configuration", warning.to_string(), "take it out or mend its name")
                }),
            );
            findings.extend(config.tier_leads.iter().map(tier));
            findings.extend(database(shell, config).await);
            findings.push(admin(shell, config));
            findings.push(port(shell, config, running.as_ref()).await);
        }
        Err(problems) => {
            findings.extend(problems.iter().map(unsound));
            // What hangs on the configuration alone is named: nobody takes it for looked at.
            let next = "mend the configuration first";
            let unknown = ["tiers", "database", "admin key", "port"];
            findings.extend(
                unknown.map(|check| warn(check, "not looked at: the configuration is not sound", next)),
            );
        }
    }
    findings.extend(components());
    findings.push(disk(shell));

    let failures = || findings.iter().filter(|finding| finding.result == Verdict::Fail);
    let failed = failures().count();
    let only_configuration = failures().all(|finding| finding.check == "configuration");
    let answer = json!({ "checks": findings });
    output::answer(
        &answer,
        shell.form,
        Some(Table { rows: "checks", columns: &["result", "check", "detail", "next"] }),
    )?;
    if failed > 0 {
        let text = format!("{failed} of {} checks failed", findings.len());
        // An unsound configuration ends every verb alike.
        let fault = if only_configuration { Fault::invalid(text) } else { Fault::internal(text) };
        return Err(fault.code("unhealthy").into());
    }
    Ok(())
}

/// The state directory and what must be closed to others in it.
fn state(shell: &Shell) -> Vec<Finding> {
    let home = &shell.home;
    let shown = home.dir().display();
    if !home.exists() {
        return vec![warn(
            "state directory",
            format!("{shown} is not there yet"),
            "`brains init` or `brains up` makes it",
        )];
    }
    let mut findings = vec![closed("state directory", home.dir(), DIR_MODE)];
    if rustix::fs::access(home.dir(), rustix::fs::Access::WRITE_OK).is_err() {
        findings.push(fail(
            "state directory",
            format!("{shown} cannot be written"),
            format!("chown it, or chmod u+rwx {shown}"),
        ));
    }
    let files =
        [home.admin_key(), home.database(), home.config(), home.overlay(), home.runtime(), home.log()];
    let open = files.iter().filter(|path| path.exists()).map(|path| closed("file modes", path, FILE_MODE));
    findings.extend(open.filter(|finding| finding.result != Verdict::Ok));
    findings
}

fn closed(check: &'static str, path: &Path, wanted: u32) -> Finding {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => warn(
            check,
            format!("{shown} can be read by others: mode {:o}", metadata.permissions().mode() & 0o777),
            format!("chmod {wanted:o} {shown}"),
        ),
        Ok(_) => ok(check, shown.to_string()),
        Err(error) => fail(check, error.to_string(), "check its owner and its parents"),
    }
}

fn service(file: &Path, running: Option<&RunningService>) -> Finding {
    match running {
        Some(running) if running.starting() => warn(
            "service",
            format!("pid {} is starting", running.pid),
            "wait for it: `brains status` tells when it serves, `brains logs` what it does",
        ),
        Some(running) => {
            ok("service", format!("pid {}, {}", running.pid, running.gateway().unwrap_or("no gateway")))
        }
        None if file.exists() => warn(
            "service",
            "the last service did not end cleanly",
            "nothing to do: the next start replaces `runtime.json`",
        ),
        None => ok("service", "none is running"),
    }
}

/// What the running service says about itself.
async fn readiness(shell: &Shell, running: Option<&RunningService>) -> Vec<Finding> {
    let Some((running, url)) = running.and_then(|running| Some((running, running.gateway()?))) else {
        return Vec::new();
    };
    let ready = match call::client(shell, running, url).get_json("/health/ready").await {
        Ok((200, ready)) => ready,
        Ok((_, answer)) => answer,
        Err(fault) => {
            return vec![fail(
                "readiness",
                fault.message,
                "`brains logs`, then `brains stop` and `brains up`",
            )];
        }
    };
    let listed = |name: &str| ready.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut findings: Vec<Finding> = listed("components")
        .iter()
        .filter(|record| record.get("state").and_then(Value::as_str) == Some("rejected"))
        .map(|record| {
            let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            fail(
                "component",
                format!("{} is not live: {}", text("id"), text("reason")),
                "`brains plugin list` shows all",
            )
        })
        .collect();
    findings.extend(listed("config_problems").iter().map(|problem| {
        let detail = format!("the last good one is in force: {}", problem.as_str().unwrap_or_default());
        warn("configuration", detail, "mend it, then `brains config reload`")
    }));
    match ready.get("status").and_then(Value::as_str) {
        Some("ready") => findings.push(ok("readiness", "requests are served")),
        _ => findings.push(fail("readiness", "requests cannot be served", "`brains status` has the details")),
    }
    findings
}

async fn database(shell: &Shell, config: &Config) -> Vec<Finding> {
    let url = database_url(&shell.home, config);
    if config.db_url.is_none() && !shell.home.database().exists() {
        return vec![ok("database", "none yet: the first start makes it")];
    }
    let sealing = match audit_key::ensure(&shell.home, &*shell.ambient, &shell.files) {
        Ok(key) => key,
        Err(fault) => {
            return vec![fail("database", fault.message, fault.hint.as_deref().unwrap_or("see the log"))];
        }
    };
    let opened = Store::open(&url, StoreOptions::new(shell.ambient.clone(), sealing)).await;
    match opened {
        Ok(store) => {
            let read = match store.read().await {
                Ok(mut view) => view.operators().await,
                Err(error) => Err(error),
            };
            let place = store.place().trim_matches('`').to_owned();
            store.close().await;
            match read {
                Ok(operators) => {
                    let names = operators.iter().filter_map(misnamed);
                    std::iter::once(ok("database", place)).chain(names).collect()
                }
                Err(error) => {
                    vec![fail("database", format!("{place}: {error}"), error.hint().unwrap_or("see the log"))]
                }
            }
        }
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            vec![fail("database", format!("{error}{cause}"), error.hint().unwrap_or("check `db_url`"))]
        }
    }
}

/// An operator from before its name was the program's own: what it does reads as what the program does.
fn misnamed(operator: &OperatorRecord) -> Option<Finding> {
    let taken = stands_for(&operator.slug).filter(|_| operator.is_active())?;
    let slug = &operator.slug;
    Some(warn(
        "operators",
        format!("`{slug}` reads as `{taken}`, a name that the program uses itself"),
        format!("add them under another name, then `brains operator revoke {slug}`"),
    ))
}

fn admin(shell: &Shell, config: &Config) -> Finding {
    if config.api_key.is_some() {
        return ok("admin key", "set by configuration");
    }
    match admin_key::read(&shell.files, &shell.home.admin_key()) {
        Ok(Some(key)) => {
            ok("admin key", format!("{} ({})", shell.home.admin_key().display(), key.fingerprint()))
        }
        Ok(None) => warn("admin key", "none yet", "`brains init` or `brains up` makes it"),
        Err(fault) => fail("admin key", fault.message, fault.hint.unwrap_or_default()),
    }
}

async fn port(shell: &Shell, config: &Config, running: Option<&RunningService>) -> Finding {
    let (host, port) = (config.gateway_host.as_str(), config.gateway_port);
    // Where a service runs, its port is the one that counts, whatever the configuration would begin with.
    if let Some(own) = running.and_then(|running| running.ports.get("gateway")) {
        return ok("port", format!("{own} is ours"));
    }
    if running.is_some_and(RunningService::starting) {
        return ok("port", "taken by the service that is starting");
    }
    match TcpListener::bind((host, port)).await {
        Ok(_) => ok("port", format!("{port} is free")),
        Err(error) => {
            let found = shell.names.look_up(host).await.unwrap_or_default();
            let address = found.first().map(|ip| std::net::SocketAddr::new(*ip, port));
            let by = address.and_then(|address: SocketAddr| process::port_owner(address));
            let by = by.map_or_else(String::new, |owner| format!(" (`{}`, pid {})", owner.name, owner.pid));
            fail("port", format!("{host}:{port}: {error}{by}"), "end that program, or set `gateway_port`")
        }
    }
}

/// A tier without a model of its own. That another one's answers is as it should be; that what stands in does is not yet.
fn tier(lead: &TierLead) -> Finding {
    match lead.leads_to {
        Some(_) => ok("tiers", lead.to_string()),
        None => {
            warn("tiers", lead.to_string(), format!("set a provider and a model: `models.{}`", lead.tier))
        }
    }
}

/// A configuration that could not be put in force.
fn unsound(problem: &Problem) -> Finding {
    let next = problem.hint.clone().unwrap_or_else(|| "mend the value".into());
    fail("configuration", problem.to_string(), next)
}

/// Components that the configuration names and that there are not, and settings that theirs do not take.
async fn component_problems(shell: &Shell, resolved: Resolved) -> Vec<Finding> {
    let (home, gate, ambient) = (shell.home.clone(), shell.files.clone(), Arc::clone(&shell.ambient));
    // Code that is there is looked at; none is made for that.
    let cache = Some(home.compiled()).filter(|compiled| compiled.is_dir());
    let found = blocking(move || services::component_problems(&home, &gate, ambient, cache, resolved)).await;
    match found.and_then(|found| found) {
        Ok(problems) => problems.iter().map(unsound).collect(),
        Err(fault) => vec![fail("components", fault.message, fault.hint.unwrap_or_default())],
    }
}

fn components() -> Vec<Finding> {
    if bundle::components().is_empty() {
        let detail = "none is bundled: every request is answered 503";
        return vec![fail("components", detail, "`cargo xtask build` builds and bundles them")];
    }
    let mut findings: Vec<Finding> = bundle::components()
        .iter()
        .map(|bundled| {
            let digest = sha256_hex(bundled.wasm);
            ok("component", format!("{} sha256:{}", bundled.id, digest.get(..16).unwrap_or_default()))
        })
        .collect();
    if bundle::defaults().is_none() {
        findings.push(fail("components", "the bundle has no defaults", "`cargo xtask build` bundles them"));
    }
    findings
}

fn disk(shell: &Shell) -> Finding {
    let place = shell.home.dir().ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"));
    let Ok(space) = rustix::fs::statvfs(place) else {
        return warn("disk", "free space is not known", "look yourself: df -h");
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let detail = format!("{} MiB free", free >> 20);
    if free < LEAST_FREE {
        fail("disk", detail, "free some space: the database cannot be written on a full disk")
    } else if free < LITTLE_FREE {
        warn("disk", detail, "free some space soon")
    } else {
        ok("disk", detail)
    }
}
