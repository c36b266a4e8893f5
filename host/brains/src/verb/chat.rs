//! One question to a model through the running service, as a client of the gateway asks it: what answers, which model that
//! was and how long it took is a test of a provider from end to end.

use std::io::Write as _;

use brains_core::{Caller, Fault};
use serde_json::{Value, json};

use crate::cli::Chat;
use crate::output::{self, Form};
use crate::shell::Shell;
use crate::verb::{call, must_run};

/// Asks, and tells the answer; on a terminal what is known of the way stands below it, on stderr.
pub(crate) async fn chat(shell: &Shell, wanted: &Chat) -> Result<(), anyhow::Error> {
    let running = must_run(shell)?;
    let url = running.gateway().ok_or_else(|| {
        Fault::unavailable("the running service serves no gateway")
            .hint("`brains status` shows what it serves")
    })?;
    let request = json!({
        "model": wanted.model,
        "messages": [{ "role": "user", "content": wanted.prompt }],
    });
    let began_us = shell.ambient.monotonic_us();
    let service = call::client(shell, &running, url);
    let answer = service.post_json("/v1/chat/completions", &request, &Caller::cli()).await?;
    let took_ms = shell.ambient.monotonic_us().saturating_sub(began_us) / 1000;
    if !(200..300).contains(&answer.status) {
        return Err(Fault::from_wire(answer.status, &answer.value).into());
    }
    let said = answer.value.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap_or_default();
    let routing =
        |name: &str| answer.routing.get(name).map_or(Value::Null, |text| Value::from(text.as_str()));
    let told = json!({
        "content": said,
        "provider": routing("provider"),
        "model": routing("model"),
        "tier": routing("tier"),
        "route_reason": routing("route-reason"),
        "attempts": routing("attempts"),
        "trace_id": routing("trace-id"),
        "took_ms": took_ms,
        "usage": answer.value.get("usage"),
    });
    if shell.form == Form::Json {
        return Ok(output::answer(&told, shell.form, None)?);
    }
    output::line(output::harmless(said))?;
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    let way = format!("{}/{} in {took_ms} ms; {}", text("provider"), text("model"), text("route_reason"));
    // Nobody is left to tell when stderr is closed.
    drop(writeln!(anstream::stderr().lock(), "\n{}", output::harmless(&way)));
    Ok(())
}
