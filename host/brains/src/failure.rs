//! How a command ends when it does not end well: `error:`, `cause:`, `hint:` on stderr and an exit code
//! that scripts can rely on (contract 1).

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Error;
use brains_control::Registry;
use brains_core::Fault;
use serde_json::json;

use crate::cli::words::of_commands;
use crate::output;

/// Tells the error and says what to exit with. `as_json` puts it on stderr as one JSON object.
pub(crate) fn report(error: &Error, as_json: bool) -> ExitCode {
    let code = exit_code(error);
    // A file keeps lines as they are; people read them within their terminal.
    let terminal = std::io::stderr().is_terminal();
    let width = terminal.then(|| output::columns(std::io::stderr()));
    let mut stderr = anstream::stderr().lock();
    // Nobody is left to tell when stderr is closed.
    drop(if as_json {
        writeln!(stderr, "{}", as_object(error, code))
    } else {
        write_lines(&mut stderr, error, width)
    });
    ExitCode::from(code)
}

/// The error in the words of the command line: its fault names operations and members as every surface has them.
pub(crate) fn in_commands(mut error: Error, registry: &Registry) -> Error {
    if let Some(fault) = error.downcast_mut::<Fault>() {
        fault.message = of_commands(&fault.message, registry);
        fault.hint = fault.hint.take().map(|hint| of_commands(&hint, registry));
    }
    error
}

fn exit_code(error: &Error) -> u8 {
    fault(error).map_or(1, |fault| fault.kind.exit_code())
}

fn fault(error: &Error) -> Option<&Fault> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

/// What led to the error, down to its fault. What led to that is for the log: it may name what no answer may.
fn causes(error: &Error) -> impl Iterator<Item = String> {
    let below = error.chain().take_while(|cause| cause.downcast_ref::<Fault>().is_none()).count();
    error.chain().take(below + 1).skip(1).map(ToString::to_string)
}

fn write_lines(out: &mut impl std::io::Write, error: &Error, width: Option<usize>) -> std::io::Result<()> {
    let mut tell = |what: &str, text: &str| match width {
        Some(width) => write!(out, "{}", output::wrapped(&format!("{what}: "), text, width)),
        None => writeln!(out, "{what}: {text}"),
    };
    tell("error", &error.to_string())?;
    for cause in causes(error) {
        tell("cause", &cause)?;
    }
    let Some(fault) = fault(error) else { return Ok(()) };
    for line in fault.hint.iter().flat_map(|hint| hint.lines()) {
        tell("hint", line)?;
    }
    if let Some(wait_ms) = fault.retry_after_ms {
        tell("hint", &format!("try again in {} s", wait_ms.div_ceil(1000).max(1)))?;
    }
    Ok(())
}

fn as_object(error: &Error, code: u8) -> serde_json::Value {
    let fault = fault(error);
    json!({ "error": {
        "message": error.to_string(),
        "causes": causes(error).collect::<Vec<_>>(),
        "kind": fault.map(|fault| fault.kind.word()),
        "code": fault.map_or("failure", |fault| &fault.code),
        "param": fault.and_then(|fault| fault.param.as_deref()),
        "hint": fault.and_then(|fault| fault.hint.as_deref()),
        "retry_after_ms": fault.and_then(|fault| fault.retry_after_ms),
        "exit_code": code,
    }})
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::samples;
