//! A throw-away Postgres for tests and benchmarks: one cluster per run, loopback only, stopped at the end.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::shell::{Call, Watch};
use crate::tools;

const HANG_LIMIT_SECONDS: f64 = 30.0;

/// Whether an acknowledged write is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// For tests: as fast as it can be.
    None,
    /// For benchmarks: as it runs for people.
    Full,
}

/// A running cluster; dropping it stops the server and removes its files.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Child,
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes and starts one.
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        let programs = tools::postgres()?;
        // Not below `target`: the server's own user must be able to walk there.
        let folder = std::env::temp_dir().join(format!("brains-postgres-{}", std::process::id()));
        if folder.exists() {
            fs_err::remove_dir_all(&folder)?;
        }
        fs_err::create_dir_all(&folder)?;
        fs_err::set_permissions(&folder, PermissionsExt::from_mode(0o700))?;
        let as_root = tools::is_root()?;
        if as_root {
            // Postgres refuses to run as root; its package brings a user of its own.
            Call::new("chown").arg("postgres:postgres").arg(&folder).run()?;
        }
        let data = folder.join("data");
        Call::from_parts(&run_as_postgres(as_root, &programs.join("initdb")))
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pgdata")
            .arg(&data)
            .within(&folder)
            .read()
            .context("could not make a Postgres cluster")?;
        let port = free_port()?;
        let server = Self::serve(as_root, &programs, &folder, port, durability)?;
        let mut cluster = Self { server, folder, programs, port };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    fn serve(
        as_root: bool,
        programs: &Path,
        folder: &Path,
        port: u16,
        durability: Durability,
    ) -> Result<Child> {
        let mut words = Vec::new();
        if crate::shell::find_program("setpriv").is_some() {
            // Fast shutdown when this tool is killed before it can stop the server.
            words.extend(["setpriv".to_owned(), "--pdeathsig".to_owned(), "INT".to_owned()]);
            if as_root {
                words.extend(
                    ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"].map(str::to_owned),
                );
            }
            words.push(programs.join("postgres").display().to_string());
        } else {
            words.extend(run_as_postgres(as_root, &programs.join("postgres")));
        }
        let log = fs_err::File::create(folder.join("log"))?.into_parts().0;
        let mut command: Command = Call::from_parts(&words)
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400"])
            .args(match durability {
                Durability::None => {
                    &["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"][..]
                }
                Durability::Full => &[],
            })
            .arg("-c")
            .arg(format!("unix_socket_directories={}", folder.display()))
            .within(folder)
            .into_command();
        command.stdout(Stdio::null()).stderr(log);
        command.spawn().context("could not start Postgres")
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let watch = Watch::start();
        loop {
            let ready = Call::new(self.programs.join("pg_isready"))
                .args(["--quiet", "--host=127.0.0.1", "--username=postgres", "--port"])
                .arg(self.port.to_string())
                .read();
            if ready.is_ok() {
                return Ok(());
            }
            let ended = self.server.try_wait()?;
            if ended.is_some() || watch.seconds() > HANG_LIMIT_SECONDS {
                let log = fs_err::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("Postgres did not start: {}", log.trim());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The URL of its admin database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pid = self.server.id().to_string();
        let asked = Call::new("kill").args(["-INT", &pid]).read();
        if asked.is_err() || self.server.wait().is_err() {
            eprintln!("warning: Postgres (pid {pid}) may still be running");
        }
        if let Err(error) = fs_err::remove_dir_all(&self.folder) {
            eprintln!("warning: {error}");
        }
    }
}

/// The words that run a program as the user `postgres`, or as ourselves when we are not root.
fn run_as_postgres(as_root: bool, program: &Path) -> Vec<String> {
    let program = program.display().to_string();
    if !as_root {
        return vec![program];
    }
    ["runuser", "-u", "postgres", "--"].map(str::to_owned).into_iter().chain([program]).collect()
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("could not bind a loopback port")?;
    Ok(listener.local_addr()?.port())
}
