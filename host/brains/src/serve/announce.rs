//! The one block that a service prints when it serves.

use brains_core::config::TierLead;
use brains_core::plane::component::ComponentStanding;
use brains_runtime::bundle;

use crate::instance::RunningService;
use crate::listeners::{GATEWAY, LISTENERS};
use crate::output;
use crate::services::Services;
use crate::shell::Shell;

/// The question of the first request.
const FIRST: &str = "Fix the retry bug in the webhook handler";

/// Tells where everything is, how to send a request and how to stop; people on the terminal, and the log.
pub(crate) fn serving(
    shell: &Shell,
    running: &RunningService,
    services: &Services,
    exposure: Option<String>,
) -> std::io::Result<()> {
    let gateway = running.url_of(&GATEWAY);
    let snapshot = services.live.current();
    let components = services.live.components();
    let (key, bearer) = match (&snapshot.config.api_key, snapshot.config.allow_unauthenticated_api) {
        (_, true) => ("none needed: `allow_unauthenticated_api` is set".to_owned(), None),
        (Some(_), false) => (
            "set by configuration (`BRAINS_API_KEY` or `api_key`)".to_owned(),
            Some("$BRAINS_API_KEY".to_owned()),
        ),
        (None, false) => {
            let path = shell.home.admin_key().display().to_string();
            let bearer = format!("$(cat {})", quoted(&path));
            (path, Some(bearer))
        }
    };
    let header =
        bearer.map(|bearer| format!("    -H \"Authorization: Bearer {bearer}\" \\\n")).unwrap_or_default();
    let mut parts = vec![format!(
        "Brains {} is serving.\n\n{}  Database  {}\n  Log       {}\n  Key       {key}\n  Process   {}",
        running.version,
        addresses(running),
        running.db,
        running.log,
        running.pid
    )];
    if bundle::components().is_empty() && components.is_empty() {
        parts.push(
            "No component is loaded: requests are answered 503. `cargo xtask build` builds and bundles them."
                .to_owned(),
        );
    }
    parts.extend(
        components.iter().filter(|record| record.component.state == ComponentStanding::Rejected).map(
            |record| {
                let reason = record.component.reason.as_deref().unwrap_or("no reason given");
                format!("Component `{}` is not live: {reason}", record.component.id)
            },
        ),
    );
    if let Some(exposure) = &exposure {
        tracing::warn!("{exposure}");
    }
    parts.extend(exposure);
    parts.extend(led_tiers(&snapshot.config.tier_leads));
    parts.extend(gateway.map(|url| format!(
        "First request:\n  curl -i {url}/v1/chat/completions \\\n{header}    -H \"Content-Type: application/json\" \\\n    \
         -d '{{\"model\": \"brains-auto\", \"messages\": [{{\"role\": \"user\", \"content\": \"{FIRST}\"}}]}}'"
    )));
    parts.push("Stop: brains stop, or Ctrl-C".to_owned());
    output::line(parts.join("\n\n"))?;
    log(running, services);
    Ok(())
}

/// The tiers without a model of their own.
fn led_tiers(leads: &[TierLead]) -> Option<String> {
    let lines: Vec<String> = leads.iter().map(|lead| format!("  {lead}")).collect();
    let head = match leads.first()?.leads_to {
        Some(_) => "Tiers without a model of their own:",
        None => "No model is configured yet (`models` in the configuration):",
    };
    Some(format!("{head}\n{}", lines.join("\n")))
}

/// A line for each page of each listener.
fn addresses(running: &RunningService) -> String {
    let served = LISTENERS.iter().filter_map(|listener| Some((listener.pages, running.url_of(listener)?)));
    served
        .flat_map(|(pages, url)| pages.iter().map(move |(label, path)| format!("  {label:<9} {url}{path}\n")))
        .collect()
}

fn log(running: &RunningService, services: &Services) {
    for (name, url) in &running.urls {
        tracing::info!(listener.name = name, listener.url = url, "listening");
    }
    let runtime = services.live.runtime().stats();
    tracing::info!(service.pid = running.pid, runtime.compiled, runtime.cache_hits, "serving");
}

/// A path as a shell reads it.
fn quoted(path: &str) -> String {
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@".contains(c));
    if plain { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
