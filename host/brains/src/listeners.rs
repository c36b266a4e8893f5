//! The listeners of a service, one row each. The command line's options, the start, `runtime.json`, readiness and the
//! first words of a service walk this table; a further listener is a row here and an area in `http`.

use std::pin::Pin;
use std::sync::Arc;

use brains_control::ControlPlane;
use brains_core::config::Config;
use brains_http::{App, Area, Router, admitted, gateway};
use brains_mcp::{Connections, McpServer, ToolProfile};
use tokio_util::sync::CancellationToken;

/// One listener.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Its name in `runtime.json`, in readiness and in the log.
    pub(crate) name: &'static str,
    /// What its options say about it.
    pub(crate) flags: ListenerFlags,
    pub(crate) default_port: u16,
    /// Its keys in the configuration.
    pub(crate) host_key: &'static str,
    pub(crate) port_key: &'static str,
    /// Host and port that the configuration gives it.
    pub(crate) address: fn(&Config) -> (&str, u16),
    /// What is told about it once it serves: a label, and a path below its address.
    pub(crate) pages: &'static [(&'static str, &'static str)],
    pub(crate) build: fn(ListenerParts<'_>) -> BuiltListener,
}

/// The options of one listener, without `--`.
#[derive(Debug)]
pub(crate) struct ListenerFlags {
    /// None when only the configuration sets it.
    pub(crate) host: Option<ListenerFlag>,
    pub(crate) port: ListenerFlag,
    pub(crate) without: ListenerFlag,
}

#[derive(Debug)]
pub(crate) struct ListenerFlag {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
}

/// What a listener is made of.
#[derive(Debug)]
pub(crate) struct ListenerParts<'a> {
    pub(crate) app: App,
    pub(crate) control: &'a Arc<ControlPlane>,
    pub(crate) connections: &'a Connections,
    pub(crate) profile: ToolProfile,
    pub(crate) stop: &'a CancellationToken,
}

/// A listener that can be served.
pub(crate) struct BuiltListener {
    pub(crate) router: Router,
    /// Ends when nothing of it runs any more; waited for after its last connection.
    pub(crate) finished: Pin<Box<dyn Future<Output = ()> + Send>>,
}

pub(crate) const GATEWAY: Listener = Listener {
    name: "gateway",
    flags: ListenerFlags {
        host: Some(ListenerFlag { name: "gateway-host", help: "Address that the gateway listens on" }),
        port: ListenerFlag {
            name: "gateway-port",
            help: "Port that the gateway listens on; 0 takes any free one",
        },
        without: ListenerFlag { name: "no-gateway", help: "Do not serve the gateway" },
    },
    default_port: 8787,
    host_key: "gateway_host",
    port_key: "gateway_port",
    address: |config| (&config.gateway_host, config.gateway_port),
    pages: &[("Gateway", "/v1"), ("Health", "/health")],
    build: |parts| BuiltListener { router: gateway(parts.app), finished: Box::pin(async {}) },
};

pub(crate) const MCP: Listener = Listener {
    name: "mcp",
    flags: ListenerFlags {
        host: None,
        port: ListenerFlag { name: "mcp-port", help: "Port of the MCP server; 0 takes any free one" },
        without: ListenerFlag { name: "no-mcp", help: "Do not serve MCP" },
    },
    default_port: 9877,
    host_key: "mcp_host",
    port_key: "mcp_port",
    address: |config| (&config.mcp_host, config.mcp_port),
    pages: &[("MCP", "/mcp")],
    build: |parts| {
        let options = brains_mcp::McpOptions {
            tools: parts.control.clone(),
            profile: parts.profile,
            version: crate::VERSION,
        };
        let server = McpServer::new(options, parts.connections.clone(), parts.stop.child_token());
        let router = admitted(parts.app, Area::Tools, server.router());
        BuiltListener { router, finished: Box::pin(async move { server.finished().await }) }
    },
};

/// All of them, in the order in which they are bound and told about.
pub(crate) const LISTENERS: [&Listener; 2] = [&GATEWAY, &MCP];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_keys_and_defaults_of_the_configuration() {
        let config = Config::default();
        let schema = brains_core::config::Schema::new(&[]);
        for listener in LISTENERS {
            assert_eq!(
                (listener.address)(&config),
                ("127.0.0.1", listener.default_port),
                "{}",
                listener.name
            );
            for key in [listener.host_key, listener.port_key] {
                assert!(schema.json()["properties"].get(key).is_some(), "`{key}` is no key");
            }
        }
    }
}
