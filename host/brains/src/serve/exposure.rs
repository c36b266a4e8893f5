//! Who can reach a listener beyond this machine, and what protects it: told at the start, by whoever made it so.

use std::net::IpAddr;

use brains_core::config::Config;

use super::bind::BoundListener;

/// What is told of listeners that others can reach; none when there are none.
pub(super) fn warning(bound: &[BoundListener], config: &Config) -> Option<String> {
    let open: Vec<(&str, std::net::SocketAddr)> = bound
        .iter()
        .map(|bound| (bound.listener.name, bound.address))
        .filter(|(_, address)| !address.ip().to_canonical().is_loopback())
        .collect();
    let places: Vec<String> =
        open.iter().map(|(name, address)| format!("  {name:<9} {}", reach(*address))).collect();
    (!places.is_empty()).then(|| {
        format!("Others can reach this service:\n{}\n{}", places.join("\n"), protection(config).join("\n"))
    })
}

fn reach(address: std::net::SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            format!("port {} on every IPv4 address of this machine", address.port())
        }
        IpAddr::V6(ip) if ip.is_unspecified() => {
            format!("port {} on every address of this machine", address.port())
        }
        _ => format!("{address}, from wherever that address is reached"),
    }
}

/// What stands between them and the service, and what does not.
fn protection(config: &Config) -> Vec<String> {
    let keys = if config.allow_unauthenticated_api {
        "  No key is asked for (`allow_unauthenticated_api`): whoever reaches a port uses your models and reads your work."
    } else {
        "  Every request but `/health` needs a key: `brains key create` makes one for each that you let in."
    };
    let names = if config.allowed_hosts.is_empty() {
        "  It answers to its addresses only; names that lead here go into `allowed_hosts`.".to_owned()
    } else {
        format!("  It answers to its addresses and to {} (`allowed_hosts`).", config.allowed_hosts.join(", "))
    };
    vec![
        keys.to_owned(),
        "  Nothing is encrypted: keys and prompts can be read on the way. A proxy with TLS or a tunnel belongs in front."
            .to_owned(),
        names,
    ]
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::listeners::{GATEWAY, MCP};

    /// Listens on loopback, whatever it says.
    async fn bound(listener: &'static crate::listeners::Listener, host: &str) -> BoundListener {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        BoundListener { listener, socket, address: format!("{host}:8787").parse().unwrap() }
    }

    #[tokio::test]
    async fn what_is_on_loopback_is_nobody_elses_business() {
        let own = [bound(&GATEWAY, "127.0.0.1").await, bound(&MCP, "127.0.0.5").await];
        assert_eq!(warning(&own, &Config::default()), None);
    }

    #[tokio::test]
    async fn a_listener_beyond_loopback_is_told_with_what_protects_it() {
        let both = [bound(&GATEWAY, "0.0.0.0").await, bound(&MCP, "127.0.0.1").await];
        let said = warning(&both, &Config::default()).unwrap();
        for word in ["gateway   port 8787 on every IPv4 address", "needs a key", "encrypted", "allowed_hosts"]
        {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(!said.contains("mcp"), "{said}");
        let config = Config {
            allow_unauthenticated_api: true,
            allowed_hosts: vec!["brains.example".into()],
            ..Config::default()
        };
        let said = warning(&both, &config).unwrap();
        assert!(said.contains("No key is asked for") && said.contains("brains.example"), "{said}");
        assert_eq!(
            reach("192.0.2.7:8787".parse().unwrap()),
            "192.0.2.7:8787, from wherever that address is reached"
        );
        assert_eq!(reach("[::]:1".parse().unwrap()), "port 1 on every address of this machine");
    }
}
