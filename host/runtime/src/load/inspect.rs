//! What a file says of itself before anything of it is compiled: whether it is a component, what it imports, which
//! interfaces of `brains:plugin` it exports and in which version.

use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use crate::factor::wasi;
use crate::load::shape::{broken, measure};
use crate::load::{Exports, LoadError};

/// The version of `brains:plugin` that this host speaks. Until 1.0 another minor is a break, another patch is not.
pub(crate) const VERSION: &str = "0.2.0";
const PACKAGE: &str = "brains:plugin/";

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Exports,
}

/// Refuses what is too large to be compiled, then what could never serve.
pub(crate) fn admit(bytes: &[u8]) -> Result<Found, LoadError> {
    begins(bytes)?;
    measure(bytes)?;
    inspect(bytes)
}

/// WebAssembly text is a convenience of the engine, not a form that components come in.
fn begins(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.starts_with(b"\0asm") {
        return Ok(());
    }
    Err(LoadError::NotAComponent { reason: "the file does not begin as WebAssembly does".into() })
}

/// Reads the outermost imports and exports and refuses what could never serve.
pub(crate) fn inspect(bytes: &[u8]) -> Result<Found, LoadError> {
    begins(bytes)?;
    let mut found = Found { imports: Vec::new(), exports: Exports::default() };
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::Version { encoding, .. } if depth == 0 && encoding != Encoding::Component => {
                return Err(LoadError::NotAComponent { reason: "it is a plain module".into() });
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    found.imports.push(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    let export = export.map_err(broken)?;
                    if let Some(interface) = export.name.name.strip_prefix(PACKAGE)
                        && export.kind == ComponentExternalKind::Instance
                    {
                        version(export.name.name)?;
                        found.exports.set(interface.split('@').next().unwrap_or(interface));
                    }
                }
            }
            _ => {}
        }
    }
    for import in &found.imports {
        if import.starts_with(PACKAGE) {
            version(import)?;
        } else if !wasi::is_given(import) {
            return Err(LoadError::Import { import: import.clone() });
        }
    }
    Ok(found)
}

fn version(interface: &str) -> Result<(), LoadError> {
    let spoken = interface.rsplit_once('@').is_some_and(|(_, version)| is_spoken(version));
    if spoken { Ok(()) } else { Err(LoadError::Version { interface: interface.to_owned() }) }
}

/// The same major and minor, and a patch that is a number.
fn is_spoken(version: &str) -> bool {
    let (Some((ours, _)), Some((theirs, patch))) = (VERSION.rsplit_once('.'), version.rsplit_once('.'))
    else {
        return false;
    };
    ours == theirs && patch.parse::<u32>().is_ok()
}
