//! The section `budgets`: how much of the machine callers, files and components may take, each kind together. What each
//! budget holds and what happens when it is spent stands in docs/security.md; how it stands now in `/health/ready`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much of the machine callers, files and components may take together. 0 is no limit, unless a key says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budgets {
    /// Memory of all live instances of all components, in mebibytes.
    pub component_memory_mib: u32,
    /// What all components together keep in their key-value spaces, in mebibytes.
    pub component_kv_mib: u32,
    /// Lines that all components together write to the log in a second.
    pub component_log_lines_per_second: u32,
    /// Longest time that compiling one component may take, in seconds.
    pub compile_seconds: u32,
    /// Largest address space of the process that compiles a component, in mebibytes.
    pub compile_memory_mib: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            component_memory_mib: 2048,
            component_kv_mib: 64,
            component_log_lines_per_second: 256,
            compile_seconds: 180,
            compile_memory_mib: 2048,
        }
    }
}
