//! One database per test, a clock that stands still, and the throw-away Postgres cluster.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use brains_core::plane::audit::{SealingKey, Trusted};
use brains_core::{Ambient, Fault, Millis};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::rows::{execute, fetch_optional};
use crate::{Rows, Scope, Store, StoreError, StoreOptions, Tx, Verification, VerifyFrom};

/// Runs each function on a database of each kind.
macro_rules! on_both {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let bed = $crate::tests::bed::Bed::sqlite();
                super::$name(&bed).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let bed = $crate::tests::bed::Bed::postgres().await;
                super::$name(&bed).await;
                bed.drop_database().await;
            })+
        }
    };
}
pub(crate) use on_both;

/// How often something is done: the second number with `BRAINS_SOAK=1`.
pub(crate) fn count(short: usize, full: usize) -> usize {
    if std::env::var_os("BRAINS_SOAK").is_some_and(|set| set == "1") { full } else { short }
}

/// A task that the test awaits.
#[expect(clippy::disallowed_methods, reason = "the test holds the handle and waits for it")]
pub(crate) fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

/// A clock that tests move; entropy from the system.
#[derive(Debug)]
pub(crate) struct TestAmbient(AtomicI64);

impl TestAmbient {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(1_790_000_000_000))
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Ambient for TestAmbient {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }

    fn monotonic_us(&self) -> u64 {
        0
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        use std::io::Read as _;
        fs_err::File::open("/dev/urandom").unwrap().read_exact(bytes).unwrap();
    }
}

/// The key that signs the audit log in tests.
pub(crate) fn sealing_key() -> SealingKey {
    SealingKey::from_seed(&[7; 32])
}

/// A chain, checked from its first entry.
pub(crate) async fn verified(rows: &mut Rows, scope: &Scope) -> Verification {
    let trusted = Trusted::new([sealing_key().public().to_owned()], &[]);
    rows.verify_audit(scope, &trusted, &[], VerifyFrom::Start).await.unwrap()
}

/// A database of one test.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) url: String,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) ambient: Arc<TestAmbient>,
    /// The admin database's URL and our database's name.
    server: Option<(String, String)>,
}

impl Bed {
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("brains.db").display());
        Self { url, dir, ambient: Arc::new(TestAmbient::new()), server: None }
    }

    pub(crate) async fn postgres() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let admin = tokio::task::spawn_blocking(admin_url).await.unwrap();
        let name = format!("brains_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        statement_at(&admin, &format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, query) =
            admin.split_once('?').map_or((admin.as_str(), None), |(base, query)| (base, Some(query)));
        let (server, _) = base.rsplit_once('/').unwrap();
        let url = query.map_or(format!("{server}/{name}"), |query| format!("{server}/{name}?{query}"));
        let dir = tempfile::tempdir().unwrap();
        Self { url, dir, ambient: Arc::new(TestAmbient::new()), server: Some((admin, name)) }
    }

    pub(crate) async fn drop_database(&self) {
        if let Some((admin, name)) = &self.server {
            statement_at(admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("brains.db")
    }

    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions {
            patience: Duration::from_mins(1),
            ..StoreOptions::new(self.ambient.clone(), sealing_key())
        }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url, self.options()).await.unwrap()
    }

    /// Runs one statement beside the store, as somebody who tampers with the database would.
    pub(crate) async fn statement(&self, sql: &str) {
        statement_at(&self.url, sql).await.unwrap();
    }

    /// A table of counters for tests of the machinery.
    pub(crate) async fn with_counter(&self) -> Store {
        let store = self.open().await;
        self.statement("CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL)").await;
        self.statement("INSERT INTO counter (name, value) VALUES ('a', 0)").await;
        store
    }
}

/// Reads the counter and writes it back one higher: loses an update unless writes are serial.
pub(crate) async fn increment(tx: &mut Tx) -> Result<i64, Fault> {
    let value = counter(tx).await?;
    execute!(&mut tx.rows, "UPDATE counter SET value = $1 WHERE name = 'a'", value + 1)?;
    tx.record("counter.increment", serde_json::json!({ "to": value + 1 })).await?;
    Ok(value + 1)
}

pub(crate) async fn counter(rows: &mut crate::Rows) -> Result<i64, crate::StoreError> {
    Ok(fetch_optional!(rows, i64, "SELECT value FROM counter WHERE name = 'a'")?.unwrap_or(-1))
}

pub(crate) enum Aside {
    Sqlite(rusqlite::Connection),
    Postgres(PgConnection),
}

impl Aside {
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        match url.strip_prefix("sqlite://") {
            Some(path) => {
                let conn = rusqlite::Connection::open(path)?;
                conn.busy_timeout(Duration::from_secs(20))?;
                conn.execute_batch("PRAGMA foreign_keys = OFF")?;
                Ok(Self::Sqlite(conn))
            }
            None => Ok(Self::Postgres(PgConnection::connect(url).await?)),
        }
    }

    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(conn) => conn.execute_batch(sql)?,
            Self::Postgres(conn) => {
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(conn) => conn.close().unwrap(),
            Self::Postgres(conn) => conn.close().await.unwrap(),
        }
    }
}

async fn statement_at(url: &str, sql: &str) -> Result<(), StoreError> {
    let mut aside = Aside::open(url).await?;
    aside.run(sql).await?;
    aside.close().await;
    Ok(())
}

/// Starts a cluster in a new directory, says where, waits until standard input ends, and takes all away.
const CLUSTER: &str = r#"
    set -e
    bin=$1
    dir=$(mktemp -d)
    "$bin/initdb" -D "$dir/data" -A trust -U postgres --no-sync -E UTF8 --locale=C >"$dir/log" 2>&1
    "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" start \
        -o "-k $dir -c listen_addresses= -c fsync=off -c max_connections=300" >>"$dir/log" 2>&1
    echo "$dir"
    cat >/dev/null
    "$bin/pg_ctl" -D "$dir/data" -m immediate stop >>"$dir/log" 2>&1
    rm -rf "$dir"
"#;

/// The cluster of this test process. It ends when the process does, however that ends: its standard input is
/// our pipe.
fn admin_url() -> String {
    static CLUSTER_OF_PROCESS: OnceLock<(String, Option<Child>)> = OnceLock::new();
    let (url, _) = CLUSTER_OF_PROCESS.get_or_init(|| {
        if let Some(url) = std::env::var_os("BRAINS_TEST_POSTGRES") {
            return (url.into_string().unwrap(), None);
        }
        let bin = binaries();
        // `initdb` refuses to run as root.
        let root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
        let mut command = if root { Command::new("runuser") } else { Command::new("sh") };
        if root {
            command.args(["-u", "postgres", "--", "sh"]);
        }
        command.args(["-c", CLUSTER, "cluster"]).arg(bin).current_dir("/");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut dir = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut dir).unwrap();
        assert!(!dir.is_empty(), "the Postgres cluster did not start");
        (format!("postgres://postgres@localhost/postgres?host={}", dir.trim()), Some(child))
    });
    url.clone()
}

fn binaries() -> PathBuf {
    let mut found: Vec<PathBuf> = fs_err::read_dir("/usr/lib/postgresql")
        .expect("Postgres is not installed: install the package `postgresql`, or set BRAINS_TEST_POSTGRES")
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("Postgres is installed without `initdb`")
}
