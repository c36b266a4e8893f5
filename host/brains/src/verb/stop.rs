//! Ending the running service, and waiting until it has.

use std::time::Duration;

use brains_core::{Fault, FaultKind, Origin};
use serde_json::json;

use crate::output;
use crate::process;
use crate::shell::Shell;
use crate::verb::must_run;

/// The service drains for ten seconds at most.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Asks the service to end and waits for it.
pub(crate) async fn stop(shell: &Shell) -> Result<(), anyhow::Error> {
    let running = must_run(shell)?;
    process::terminate(running.pid).map_err(|error| {
        Fault::new(
            FaultKind::Forbidden,
            Origin::Brains,
            format!("could not end pid {}: {error}", running.pid),
        )
        .hint("the service belongs to another user")
    })?;
    let gone = async {
        while running.alive() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(PATIENCE, gone).await.is_err() {
        return Err(Fault::new(
            FaultKind::Timeout,
            Origin::Brains,
            format!("pid {} did not end within {} s", running.pid, PATIENCE.as_secs()),
        )
        .hint(format!(
            "`brains logs` shows what it waits for; `kill -9 {}` ends it; nothing acknowledged is lost",
            running.pid
        ))
        .into());
    }
    output::answer(&json!({ "stopped": true, "pid": running.pid }), shell.form, None)?;
    Ok(())
}
