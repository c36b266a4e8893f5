//! Power loss in the middle of an upgrade: whenever the process ends, the next one has one whole version live and
//! says which. The points are what an upgrade leaves behind step by step, as seen from outside.

use std::path::{Path, PathBuf};
use std::time::Duration;

use brains_tests::components::{digest, drop_in, manifest, variant};
use brains_tests::counts::count;
use brains_tests::service::Home;
use brains_tests::{Brains, Setup, until};
use serde_json::{Value, json};

/// Where an upgrade is when the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// The request is on its way.
    Asked,
    /// Bytes of the new content are in the store's folder, finished or not.
    Storing,
    /// The new content is in the store.
    Stored,
    /// Compiled code was written.
    Compiled,
    /// The record of versions knows the new content.
    Remembered,
    /// The overlay is being replaced.
    Replacing,
    /// The overlay names the new content.
    Named,
    /// The log says that it is checked.
    Checked,
    /// The log says that it serves.
    Serving,
    /// The record of versions says that it serves.
    Kept,
    /// Some time after the start.
    After(u64),
}

const POINTS: [Point; 14] = [
    Point::Asked,
    Point::Storing,
    Point::Stored,
    Point::Compiled,
    Point::Remembered,
    Point::Replacing,
    Point::Named,
    Point::Checked,
    Point::Serving,
    Point::Kept,
    Point::After(15),
    Point::After(40),
    Point::After(90),
    Point::After(200),
];

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .map(|entries| {
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        })
        .unwrap_or_default()
}

fn text(path: &Path) -> String {
    fs_err::read_to_string(path).unwrap_or_default()
}

fn compiled(state: &Path) -> usize {
    let mut folders = vec![state.join("components/compiled")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for name in names(&folder) {
            let path = folder.join(name);
            if path.is_dir() { folders.push(path) } else { files += 1 }
        }
    }
    files
}

/// What is seen from outside before the upgrade.
struct Before {
    state: PathBuf,
    stored: usize,
    compiled: usize,
    new: String,
}

impl Point {
    fn reached(self, before: &Before) -> bool {
        let Before { state, stored, compiled: files, new } = before;
        let store = state.join("components/sha256");
        let versions = || {
            serde_json::from_str::<Value>(&text(&state.join("components/versions.json"))).unwrap_or_default()
        };
        let logged = |word: &str| {
            text(&state.join("logs/brains.log"))
                .lines()
                .any(|line| line.contains(new.as_str()) && line.contains(word))
        };
        match self {
            Self::Asked => true,
            Self::Storing => names(&store).len() > *stored,
            Self::Stored => names(&store).contains(&format!("{}.wasm", new.trim_start_matches("sha256:"))),
            Self::Compiled => compiled(state) > *files,
            Self::Remembered => versions()["components"]["acme"]["manifests"].get(new.as_str()).is_some(),
            Self::Replacing => {
                names(state).iter().any(|name| name.starts_with(".brains-"))
                    || text(&state.join("brains.runtime.yaml")).contains(new.as_str())
            }
            Self::Named => text(&state.join("brains.runtime.yaml")).contains(new.as_str()),
            Self::Checked => logged("checking"),
            Self::Serving => logged("\"live\""),
            Self::Kept => versions()["components"]["acme"]["live"] == new.as_str(),
            Self::After(ms) => {
                std::thread::sleep(Duration::from_millis(ms));
                true
            }
        }
    }
}

async fn row(service: &Brains) -> Value {
    let listed = service.client.operation("list_components", &json!({})).await;
    let all = listed["components"].as_array().expect("a list");
    all.iter().find(|record| record["id"] == "acme").cloned().unwrap_or(Value::Null)
}

/// One whole version serves, the state says which, and what is stored is what it says.
async fn is_whole(service: &Brains, allowed: &[&str], point: &str) -> String {
    let row = row(service).await;
    assert_eq!(row["state"], "live", "{point}: {row}");
    let live = row["digest"].as_str().expect("a digest").to_owned();
    assert!(allowed.contains(&live.as_str()), "{point}: {live} of {allowed:?}");
    let versions = row["versions"].as_array().expect("versions");
    assert_eq!(versions.iter().filter(|version| version["state"] == "live").count(), 1, "{point}: {row}");
    let answer = service
        .client
        .chat(&json!({"model": "acme/echo-small", "messages": [{"role": "user", "content": "hello"}]}))
        .await;
    assert_eq!(answer.status, 200, "{point}: {}", answer.text());
    let state = service.home.state();
    for name in names(&state.join("components/sha256")) {
        let Some(hex) = name.strip_suffix(".wasm") else { continue };
        let bytes = fs_err::read(state.join("components/sha256").join(&name)).expect("readable");
        assert_eq!(digest(&bytes), format!("sha256:{hex}"), "{point}");
    }
    until("what was left unfinished to be removed", async || {
        !names(&state.join("components/sha256")).iter().any(|name| name.starts_with(".unfinished"))
    })
    .await;
    live
}

fn before(home: &Home, wasm: &[u8]) -> Before {
    let state = home.state();
    Before {
        stored: names(&state.join("components/sha256")).len(),
        compiled: compiled(&state),
        new: digest(wasm),
        state,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_an_upgrade_by_command_leaves_one_whole_version() {
    let home = Home::default();
    let mut live = variant("provider-echo", "0");
    fs_err::write(home.path().join("acme.wasm"), &live).expect("written");
    let added = home.run(&["plugin", "add", "acme.wasm", "--json"]).await;
    assert!(added.status.success(), "{added:?}");
    let mut home = Some(home);
    let mut reached = Vec::new();
    for (round, point) in POINTS.into_iter().cycle().take(count(14, 200)).enumerate() {
        let service = Brains::start_in(home.take().expect("kept"), Setup::default()).await;
        let next = variant("provider-echo", &format!("{}", round + 1));
        fs_err::write(service.home.path().join("acme.wasm"), &next).expect("written");
        let before = before(&service.home, &next);
        let mut command = service.home.command(&["plugin", "upgrade", "acme", "acme.wasm"]);
        let mut upgrading = command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("started");
        let over = loop {
            if point.reached(&before) {
                break false;
            }
            if upgrading.try_wait().expect("waited").is_some() {
                break true;
            }
        };
        if !over {
            reached.push(point);
        }
        let killed = service.kill().await;
        upgrading.wait().await.expect("waited");
        let service = Brains::start_in(killed, Setup::default()).await;
        let (old, new) = (digest(&live), digest(&next));
        let now = is_whole(&service, &[&old, &new], &format!("round {round}, {point:?}")).await;
        let overlay = text(&service.home.state().join("brains.runtime.yaml"));
        assert!(overlay.contains(&now), "the overlay names what serves: {overlay}");
        if now == new {
            live = next;
        }
        let (stopped, _) = service.stop().await;
        home = Some(stopped);
    }
    reached.dedup();
    assert!(reached.len() >= 10, "{reached:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_a_dropped_file_comes_in_leaves_one_whole_version() {
    let home = Home::default();
    let mut live = variant("provider-echo", "0");
    drop_in(&home, "acme", &live, Some(&manifest("acme", "provider", "{}")));
    let mut home = Some(home);
    let points = POINTS.into_iter().filter(|point| !matches!(point, Point::Replacing | Point::Named));
    for (round, point) in points.cycle().take(count(12, 200)).enumerate() {
        let service = Brains::start_in(home.take().expect("kept"), Setup::default()).await;
        is_whole(&service, &[&digest(&live)], "before").await;
        let next = variant("provider-echo", &format!("{}", round + 1));
        let before = before(&service.home, &next);
        // Half of it first, as a slow copy would.
        drop_in(&service.home, "acme", &next[..next.len() / 2], None);
        drop_in(&service.home, "acme", &next, None);
        for tries in 0.. {
            assert!(tries < 3_000, "{point:?} of round {round}: {} {}", row(&service).await, service.log());
            if point.reached(&before) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let killed = service.kill().await;
        let service = Brains::start_in(killed, Setup::default()).await;
        // The file is whole, so it serves as soon as it is compiled; until then the one before does.
        let either = [&*digest(&live), &*digest(&next)].map(str::to_owned);
        is_whole(&service, &[&either[0], &either[1]], &format!("round {round}, {point:?}")).await;
        until("the whole file", async || row(&service).await["digest"] == either[1].as_str()).await;
        live = next;
        let (stopped, _) = service.stop().await;
        home = Some(stopped);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_copy_leaves_the_version_before_it() {
    let home = Home::default();
    let whole = variant("provider-echo", "whole");
    drop_in(&home, "acme", &whole, Some(&manifest("acme", "provider", "{}")));
    let service = Brains::start_in(home, Setup::default()).await;
    is_whole(&service, &[&digest(&whole)], "before").await;
    let next = variant("provider-echo", "next");
    drop_in(&service.home, "acme", &next[..next.len() / 2], None);
    let killed = service.kill().await;
    let service = Brains::start_in(killed, Setup::default()).await;
    is_whole(&service, &[&digest(&whole)], "half a copy").await;
    assert!(row(&service).await["reason"].to_string().contains("not a component"));
    drop_in(&service.home, "acme", &next, None);
    until("the rest of the copy", async || row(&service).await["digest"] == digest(&next).as_str()).await;
}
