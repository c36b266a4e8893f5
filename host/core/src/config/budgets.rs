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
    /// Looks at files and directories at once; a place that does not answer keeps a few of them.
    pub file_threads: u32,
    /// How long a look at a file or a directory may take.
    pub file_seconds: u32,
    /// Look-ups of host names at once.
    pub name_threads: u32,
    /// How long the look-up of a host name may take.
    pub name_seconds: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            component_memory_mib: 2048,
            file_threads: 32,
            file_seconds: 5,
            name_threads: 32,
            name_seconds: 10,
        }
    }
}
