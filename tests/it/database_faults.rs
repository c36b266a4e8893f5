//! The database is taken away, replaced, restored, or its disk fails, under load, again and again. What is acknowledged once
//! the fault is complete is there at the next start; until then it is refused, with what happened and what to do.
//!
//! What is compared, of writes whose answer was a success:
//! - a write that began behind the fault is at the next start in what lies there then;
//! - one that began before it is there too when no file was taken away (a full or failed disk), else in the copy that the
//!   service made beside it (`brains.db.rescued-N`), unless the file was written over: that leaves nothing to copy. What was
//!   killed before it noticed has made no copy. What a disk acknowledged in the moment in which it failed is the disk's:
//!   Linux itself answers the `fdatasync` that is under way then with success, now and then;
//! - a copy that was put in place while nobody ran is what the next start shows, no more and no less: the log of the old
//!   database goes into no other (WiseLibs/better-sqlite3#1237; sqlite.org, "How To Corrupt An SQLite Database File", 1.3, 1.4).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use brains_tests::counts::count;
use brains_tests::disk::SmallDisk;
use brains_tests::service::Home;
use brains_tests::{Answer, Brains, Client, HANG, Setup, until, within};
use fs_err as fs;
use futures_util::future::join_all;
use serde_json::{Value, json};

const WRITERS: usize = 6;

/// What happens to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// With its log and index, or alone.
    Removed {
        whole: bool,
    },
    /// An older copy takes its place.
    Replaced {
        way: Way,
    },
    /// The service ends first; the old log and index may be left.
    Restored {
        way: Way,
        log_left: bool,
    },
    Full,
    ReadOnly,
}

/// How a copy is put in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Moved,
    /// Into the file that is there, which stays the same file.
    Written,
}

/// How the service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Stopped,
    /// Once it has refused.
    Killed,
    /// At once, so that it may not have noticed.
    KilledAtOnce,
}

use End::{Killed, KilledAtOnce, Stopped};
use Fault::{Full, ReadOnly, Removed, Replaced, Restored};
use Way::{Moved, Written};

/// A few rounds of each fault; the next ones are the same with another kind of copy, at other moments.
const ROUNDS: [(Fault, End); 20] = [
    (Replaced { way: Moved }, Stopped),
    (Restored { way: Written, log_left: true }, Killed),
    (Full, Killed),
    (ReadOnly, Stopped),
    (Removed { whole: true }, Stopped),
    (Replaced { way: Written }, Killed),
    (Restored { way: Moved, log_left: true }, Killed),
    (Full, Stopped),
    (ReadOnly, Killed),
    (Removed { whole: false }, Killed),
    (Replaced { way: Written }, KilledAtOnce),
    (Restored { way: Written, log_left: false }, Killed),
    (Full, KilledAtOnce),
    (ReadOnly, KilledAtOnce),
    (Removed { whole: true }, KilledAtOnce),
    (Replaced { way: Moved }, KilledAtOnce),
    (Restored { way: Written, log_left: true }, Stopped),
    (Restored { way: Moved, log_left: false }, Killed),
    (Replaced { way: Written }, Stopped),
    (Removed { whole: false }, Stopped),
];

/// What the writers were told.
#[derive(Debug, Default)]
struct Told {
    /// Acknowledged before the fault began.
    before: Vec<String>,
    /// Acknowledged later, and begun before it was complete.
    during: Vec<String>,
    /// Acknowledged, and begun behind it.
    behind: Vec<String>,
    /// What was said to those that were refused.
    refusals: Vec<Value>,
}

/// A service on a disk of its own, and writers at it.
struct Site {
    disk: SmallDisk,
    names: AtomicUsize,
    told: Mutex<Told>,
    fault_has_begun: AtomicBool,
    fault_is_complete: AtomicBool,
}

impl Site {
    fn file(&self, ending: &str) -> PathBuf {
        self.disk.path().join(format!("brains.db{ending}"))
    }

    fn setup(&self) -> Setup {
        Setup::config(format!("db_url: \"sqlite://{}\"\n", self.file("").display())).hasty()
    }

    fn told<T>(&self, look: impl FnOnce(&mut Told) -> T) -> T {
        look(&mut self.told.lock().expect("no panic"))
    }

    fn acknowledged(&self) -> usize {
        self.told(|told| told.before.len() + told.during.len() + told.behind.len())
    }

    /// One writer, until the service is gone.
    async fn write(&self, client: &Client) {
        loop {
            let name = format!("op-{}", self.names.fetch_add(1, Ordering::Relaxed));
            let behind = self.fault_is_complete.load(Ordering::SeqCst);
            let Some(answer) = ask(client, "add_operator", &json!({ "slug": name })).await else { return };
            if answer.status == 200 {
                let begun = self.fault_has_begun.load(Ordering::SeqCst);
                self.told(|told| match (begun, behind) {
                    (false, _) => told.before.push(name),
                    (true, false) => told.during.push(name),
                    (true, true) => told.behind.push(name),
                });
                continue;
            }
            assert_eq!(answer.status, 503, "{}", answer.text());
            self.told(|told| told.refusals.push(answer.json()["error"].clone()));
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// A consistent copy of what the service has now, as an operator's backup: page by page, or made anew.
    fn back_up(&self, round: usize) -> BTreeSet<String> {
        let copy = self.file(".backup");
        drop(fs::remove_file(&copy));
        let script = if round.is_multiple_of(2) {
            "d = sqlite3.connect(sys.argv[2]); c.backup(d); d.close()"
        } else {
            "c.execute('VACUUM INTO ?', (sys.argv[2],))"
        };
        python(
            &format!("c = sqlite3.connect(sys.argv[1], timeout=30); {script}; c.close()"),
            &[&self.file(""), &copy],
        );
        slugs_in(&copy)
    }

    fn put_in_place(&self, way: Way) {
        match way {
            Moved => fs::rename(self.file(".backup"), self.file("")).expect("moved"),
            Written => assert!(fs::copy(self.file(".backup"), self.file("")).expect("copied") > 0),
        }
    }

    fn remove(&self, endings: &[&str]) {
        for ending in endings {
            drop(fs::remove_file(self.file(ending)));
        }
    }

    fn befall(&self, fault: Fault) {
        self.fault_has_begun.store(true, Ordering::SeqCst);
        match fault {
            Removed { whole: true } => self.remove(&["", "-wal", "-shm"]),
            Removed { whole: false } => self.remove(&[""]),
            Replaced { way } => self.put_in_place(way),
            Restored { way, log_left } => {
                if !log_left {
                    self.remove(&["-wal", "-shm"]);
                }
                self.put_in_place(way);
            }
            Full => self.disk.fill(),
            ReadOnly => self.disk.fail(),
        }
        self.fault_is_complete.store(true, Ordering::SeqCst);
    }

    /// The copies that services made of what they had acknowledged.
    fn rescued(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.disk.path()).expect("a directory").flatten();
        let copies = entries.filter(|entry| entry.file_name().to_string_lossy().contains(".rescued-"));
        copies.flat_map(|copy| slugs_in(&copy.path())).collect()
    }
}

/// The answer; none when the service is gone.
async fn ask(client: &Client, name: &str, input: &Value) -> Option<Answer> {
    let request = client.request(http::Method::POST, &format!("/api/ops/{name}"));
    let request = request.header("content-type", "application/json").body(input.to_string());
    let answer = Client::attempt(request).await?;
    // One that was cut off says nothing.
    serde_json::from_slice::<Value>(&answer.body).is_ok().then_some(answer)
}

fn python(script: &str, arguments: &[&Path]) -> String {
    #[expect(clippy::disallowed_methods, reason = "the runner names its Python by environment")]
    let python = std::env::var("BRAINS_TEST_PYTHON").expect("BRAINS_TEST_PYTHON names a Python");
    let done = Command::new(python)
        .args(["-c", &format!("import sqlite3, sys; {script}")])
        .args(arguments)
        .output()
        .expect("Python starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Who is in a file that nobody has open.
fn slugs_in(copy: &Path) -> BTreeSet<String> {
    let script = "c = sqlite3.connect(sys.argv[1]); \
        print('\\n'.join(row[0] for row in c.execute('SELECT slug FROM operator')))";
    python(script, &[copy]).lines().filter(|slug| slug.starts_with("op-")).map(str::to_owned).collect()
}

async fn slugs(client: &Client) -> BTreeSet<String> {
    let listed = client.operation("list_operators", &json!({ "all": true })).await;
    let operators = listed["operators"].as_array().expect("a list").iter();
    let slugs = operators.map(|operator| operator["slug"].as_str().expect("a slug").to_owned());
    slugs.filter(|slug| slug.starts_with("op-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_that_a_restart_would_not_show() {
    let site = Site {
        // Room for a log of full length.
        disk: SmallDisk::of_mib(128),
        names: AtomicUsize::new(0),
        told: Mutex::default(),
        fault_has_begun: AtomicBool::new(false),
        fault_is_complete: AtomicBool::new(false),
    };
    let mut service = Brains::start(site.setup()).await;
    for round in 0..count(20, 200) {
        let (fault, end) = ROUNDS[round % ROUNDS.len()];
        let what = format!("round {round}, {fault:?}, {end:?}");
        *site.told.lock().expect("no panic") = Told::default();
        site.fault_has_begun.store(false, Ordering::SeqCst);
        site.fault_is_complete.store(false, Ordering::SeqCst);
        let there = slugs(&service.client).await;
        let client = service.client.clone();
        let writers = join_all((0..WRITERS).map(|_| site.write(&client)));
        let happens = happens(&site, service, round);
        let (_, (home, copied)) = futures_util::future::join(writers, happens).await;
        match fault {
            Full => {
                starts_or_says_that_it_is_full(
                    &home,
                    &site.told(|told| [&told.before[..], &told.during, &told.behind].concat()),
                )
                .await;
                site.disk.make_room();
            }
            ReadOnly => {
                site.disk.come_back_read_only();
                refuses_to_start(&site, &home, "read-only").await;
                site.disk.repair();
            }
            _ => {}
        }
        service = Brains::start_in(home, site.setup()).await;
        let found = slugs(&service.client).await;
        let Told { before, during, behind, .. } = std::mem::take(&mut *site.told.lock().expect("no panic"));
        let lost = |names: &[String], found: &BTreeSet<String>| -> Vec<String> {
            names.iter().filter(|name| !found.contains(*name)).cloned().collect()
        };
        assert_eq!(lost(&behind, &found), [""; 0], "{what}: acknowledged behind the fault and lost");
        let during = if fault == ReadOnly { Vec::new() } else { during };
        let all: Vec<String> = there.into_iter().chain(before).chain(during).collect();
        match fault {
            Full | ReadOnly => assert_eq!(lost(&all, &found), [""; 0], "{what}: lost"),
            Restored { .. } => assert_eq!(found, copied, "{what}: what was restored"),
            Replaced { way: Written } => {}
            Removed { .. } | Replaced { .. } if end == KilledAtOnce => {}
            Removed { .. } | Replaced { .. } => {
                assert_eq!(lost(&all, &site.rescued()), [""; 0], "{what}: not in the copy");
            }
        }
        if let Replaced { .. } = fault {
            let behind: BTreeSet<_> = behind.into_iter().collect();
            let mine: BTreeSet<_> = copied.union(&behind).cloned().collect();
            assert_eq!(found, mine, "{what}: the copy is what the next start finds");
        }
        let verified = service.client.operation("verify_audit", &json!({})).await;
        let mut chains = verified["chains"].as_array().expect("chains").iter();
        // What was written down beside the database is of a state that is gone, or of a history that was not gone on with.
        let sound = chains.all(|chain| {
            chain["fault"].is_null() || chain["fault"] == "rolled_back" || chain["fault"] == "rewritten"
        });
        assert!(sound, "{what}: {verified}");
        let integrity = python(
            "c = sqlite3.connect(sys.argv[1]); print(c.execute('PRAGMA integrity_check').fetchone()[0])",
            &[&site.file("")],
        );
        assert_eq!(integrity, "ok\n", "{what}");
        let rescued = fs::read_dir(site.disk.path()).expect("a directory").flatten();
        for leftover in rescued.filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.contains(".rescued-") || name.contains("-wal.of-another-")
        }) {
            fs::remove_file(leftover.path()).expect("removed");
        }
    }
    service.stop().await;
}

/// Load, a backup, more load, the fault, and the end of the service. Tells who is in the backup.
async fn happens(site: &Site, service: Brains, round: usize) -> (Home, BTreeSet<String>) {
    let (fault, end) = ROUNDS[round % ROUNDS.len()];
    let load = async |more: usize| {
        let enough = site.acknowledged() + more;
        until("the load to go on", async || site.acknowledged() >= enough).await;
    };
    load(6 + 3 * (round % 7)).await;
    let copied = site.back_up(round / ROUNDS.len() + round);
    load(6 + 5 * (round % 5)).await;
    let after_the_end = matches!(fault, Restored { .. });
    if !after_the_end {
        site.befall(fault);
    }
    if !after_the_end && end != KilledAtOnce {
        notices(site, &service, fault).await;
    }
    let home = match end {
        Stopped => service.stop().await.0,
        Killed | KilledAtOnce => service.kill().await,
    };
    if after_the_end {
        site.befall(fault);
    }
    (home, copied)
}

/// Everybody is told what happened and what to do.
async fn notices(site: &Site, service: &Brains, fault: Fault) {
    let code = match fault {
        Full => "database_full",
        ReadOnly => "database_read_only",
        _ => "database_replaced",
    };
    let told = |refusal: &Value| refusal["code"] == code && refusal["hint"].is_string();
    let refused = async {
        while !site.told(|all| all.refusals.iter().any(told)) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let ended = tokio::time::timeout(HANG, refused).await;
    assert!(
        ended.is_ok(),
        "{fault:?} is not told: {} acknowledged, {:?}",
        site.acknowledged(),
        site.told(|all| all.refusals.last().cloned())
    );
    if code != "database_replaced" {
        return;
    }
    until("readers to be told", async || {
        let read = service.client.post("/api/ops/list_operators", "{}").await;
        read.status == 503 && told(&read.json()["error"])
    })
    .await;
    until("the service not to be ready", async || service.client.get("/health/ready").await.status == 503)
        .await;
    let acknowledged = site.acknowledged();
    let refusals = || site.told(|all| all.refusals.len());
    let more = refusals() + WRITERS;
    until("more refusals", async || refusals() >= more).await;
    assert_eq!(site.acknowledged(), acknowledged, "once it was refused, nothing is acknowledged any more");
}

/// A start on such a disk says what is wrong and what to do, and ends.
async fn refuses_to_start(site: &Site, home: &Home, words: &str) {
    home.write_config(&site.setup().config.expect("a configuration"));
    let mut command = home.command(&["serve-all", "--gateway-port", "0", "--mcp-port", "0"]);
    let ended = within("a start that is refused", command.output()).await.expect("it starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains(words) && said.contains("hint:"), "{words}: {said}");
}

/// On a full disk what is there may be shown; what cannot be, and what cannot be written, is told.
async fn starts_or_says_that_it_is_full(home: &Home, acknowledged: &[String]) {
    let command = home.run(&["operator", "list", "--json"]).await;
    let said = String::from_utf8_lossy(&command.stderr);
    if command.status.success() {
        let listed: Value = serde_json::from_slice(&command.stdout).expect("JSON");
        let lost = acknowledged.iter().find(|name| !listed.to_string().contains(&format!("\"{name}\"")));
        assert_eq!(lost, None, "a start on the full disk shows it");
    } else {
        assert!(said.contains("database_full") && said.contains("hint"), "{said}");
    }
}
