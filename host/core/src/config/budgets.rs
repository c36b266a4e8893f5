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

    /// Largest body of an operation or an MCP message after decompression, in kibibytes.
    #[schemars(range(min = 1))]
    pub operation_body_kib: u32,
    /// Largest body of an operation that carries a file, after decompression, in mebibytes.
    #[schemars(range(min = 1))]
    pub upload_body_mib: u32,
    /// Bytes of all request bodies under way together, in mebibytes. One key may hold half of it.
    pub body_mib: u32,
    /// Longest time that a whole request body may take to arrive, in seconds.
    #[schemars(range(min = 1))]
    pub body_seconds: u32,
    /// Values in one JSON document of a caller: objects, arrays, members and elements.
    pub json_nodes: u32,
    /// Operations and MCP messages that one key may send in any 60 seconds. The admin key is exempt, and operations on the
    /// configuration count by themselves: whoever may lift a limit always can.
    pub operations_per_minute: u32,
    /// Model requests that one key may have under way. 0: fifteen sixteenths of `max_concurrent_requests`.
    pub requests_per_key: u32,

    /// Connections to all listeners together. Fewer where file descriptors are scarce: half of what `descriptor_reserve`
    /// leaves, for each may need another one upstream.
    #[schemars(range(min = 16))]
    pub connections: u32,
    /// Connections that one key may have open; at most three quarters of those that there are.
    pub connections_per_key: u32,
    /// Connections that one operator may have open; at most seven eighths of those that there are.
    pub connections_per_operator: u32,
    /// Longest wait for the first request of a connection, in seconds.
    #[schemars(range(min = 1))]
    pub head_seconds: u32,
    /// File descriptors that no client's connection may take: for files, the database, calls upstream and commands.
    pub descriptor_reserve: u32,
    /// MCP connections that are open at once. Calls without a connection need none.
    pub mcp_connections: u32,
    /// MCP connections of one key; for one more its longest idle one ends.
    pub mcp_connections_per_key: u32,
    /// MCP connections of one operator; for one more the longest idle one ends.
    pub mcp_connections_per_operator: u32,
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
            component_kv_mib: 64,
            component_log_lines_per_second: 256,
            compile_seconds: 180,
            compile_memory_mib: 2048,
            operation_body_kib: 1024,
            upload_body_mib: 64,
            body_mib: 256,
            body_seconds: 60,
            json_nodes: 250_000,
            operations_per_minute: 10_000,
            requests_per_key: 0,
            connections: 4096,
            connections_per_key: 2048,
            connections_per_operator: 3072,
            head_seconds: 10,
            descriptor_reserve: 128,
            mcp_connections: 4096,
            mcp_connections_per_key: 512,
            mcp_connections_per_operator: 1024,
            file_threads: 32,
            file_seconds: 5,
            name_threads: 32,
            name_seconds: 10,
        }
    }
}
