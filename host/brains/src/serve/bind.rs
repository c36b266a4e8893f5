//! Taking the ports of listeners. What is in the way is named: who holds a port, whose right is missing.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use brains_core::config::Config;
use brains_core::{Fault, FaultKind, Origin};
use brains_files::Names;
use tokio::net::TcpListener;

use crate::listeners::Listener;
use crate::ports::blocking;
use crate::process;

/// A listener with its port taken.
#[derive(Debug)]
pub(super) struct BoundListener {
    pub(super) listener: &'static Listener,
    pub(super) socket: TcpListener,
    pub(super) address: SocketAddr,
}

impl BoundListener {
    /// Where this machine reaches it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", reachable(self.address))
    }
}

/// Takes the port of each, in their order.
pub(super) async fn bind(
    listeners: &[&'static Listener],
    config: &Config,
    names: &Names,
) -> Result<Vec<BoundListener>, anyhow::Error> {
    let mut bound = Vec::new();
    for listener in listeners {
        let (host, port) = (listener.address)(config);
        let socket = bind_one(listener, host, port, names).await?;
        let address = socket.local_addr().context("could not read the listener's address")?;
        bound.push(BoundListener { listener, socket, address });
    }
    Ok(bound)
}

async fn bind_one(listener: &Listener, host: &str, port: u16, names: &Names) -> Result<TcpListener, Fault> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = match names.look_up(host).await {
        Ok(found) => found,
        Err(error) => return Err(unbound(listener, host, port, None, error).await),
    };
    let addresses: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    match TcpListener::bind(addresses.as_slice()).await {
        Ok(socket) => Ok(socket),
        Err(error) => Err(unbound(listener, host, port, addresses.first().copied(), error).await),
    }
}

async fn unbound(
    listener: &Listener,
    host: &str,
    port: u16,
    address: Option<SocketAddr>,
    error: io::Error,
) -> Fault {
    let flag = listener.flags.port.name;
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let owner = match address {
                Some(address) => blocking(move || process::port_owner(address)).await.ok().flatten(),
                None => None,
            };
            let by =
                owner.map_or_else(String::new, |owner| format!(" by `{}`, pid {}", owner.name, owner.pid));
            Fault::unavailable(format!("port {port} is in use{by}"))
                .code("port_in_use")
                .hint(format!("end that program, or choose another port: --{flag} 0 takes any free one"))
                .cause(error)
        }
        io::ErrorKind::PermissionDenied => Fault::new(
            FaultKind::Forbidden,
            Origin::Brains,
            format!("port {port} needs more rights: {error}"),
        )
        .hint(format!("ports below 1024 belong to root: choose another with --{flag}")),
        _ => Fault::unavailable(format!("could not listen on {host}:{port}: {error}"))
            .hint(format!("`{}` takes an address of this machine, e.g. 127.0.0.1", listener.host_key)),
    }
}

/// Where this machine reaches a listener: one on every address is found on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((Ipv6Addr::LOCALHOST, v6.port())),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listeners::GATEWAY;

    #[test]
    fn a_listener_on_every_address_is_reached_by_loopback() {
        let reach = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reach("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(reach("[::]:1"), "[::1]:1");
        assert_eq!(reach("192.0.2.1:1"), "192.0.2.1:1");
    }

    #[tokio::test]
    async fn a_busy_port_names_its_owner() {
        let holder = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = holder.local_addr().unwrap().port();
        let fault = bind_one(&GATEWAY, "127.0.0.1", port, &Names::default()).await.unwrap_err();
        assert_eq!(fault.kind.exit_code(), 6);
        assert!(
            fault.message.contains(&port.to_string())
                && fault.message.contains(&std::process::id().to_string())
        );
        assert!(fault.hint.unwrap().contains("--gateway-port 0"));
    }
}
