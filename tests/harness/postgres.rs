//! A database of its own for each test, on the cluster that the runner started (`BRAINS_TEST_POSTGRES`).

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Creates an empty database and gives its URL. The runner's cluster goes with the run, and so does this.
pub fn database() -> String {
    #[expect(clippy::disallowed_methods, reason = "the runner names its cluster by environment")]
    let admin = std::env::var("BRAINS_TEST_POSTGRES")
        .expect("BRAINS_TEST_POSTGRES names a Postgres: `cargo xtask test` starts one");
    let name = format!("it_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
    let made = Command::new("psql")
        .args([&admin, "-qc", &format!("CREATE DATABASE {name}")])
        .output()
        .expect("psql runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (base, _) = admin.rsplit_once('/').expect("a URL with a database");
    format!("{base}/{name}")
}

/// Where the server of a URL listens.
pub fn address(url: &str) -> SocketAddr {
    let host = url.split('@').nth(1).and_then(|rest| rest.split('/').next());
    host.and_then(|host| host.parse().ok()).expect("an address and a port")
}
