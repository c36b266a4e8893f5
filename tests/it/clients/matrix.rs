//! Every client on every upstream's wire. The short run has each say a text and use a tool, and the two that loop most do so for
//! twenty turns; the full run (`BRAINS_SOAK`) does everything and writes down what it saw. One service a wire, several clients at
//! once, each asking for a model of its own name, by which the scripted upstream knows what to say to it.
//! `BRAINS_TEST_CELLS=Codex` narrows a run to the cells that have this in their names.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brains_tests::model::agent;
use brains_tests::upstream::Seen;
use brains_tests::wire::{self, Wire};
use brains_tests::{Brains, Reply, Upstream, counts};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::process::Command;

use super::agents::{self, Place};
use super::feature::{Feature, Scene};
use super::record;
use super::roster::{ROSTER, RealClient};

const AT_ONCE: usize = 4;
/// How long a client may take for one run.
const LIMIT: Duration = Duration::from_mins(3);

/// A cell while it runs.
#[derive(Debug)]
struct Cell {
    client: &'static RealClient,
    scene: Scene,
    own: bool,
    /// How often its model was asked.
    asked: AtomicUsize,
}

type Cells = Arc<Mutex<HashMap<String, Arc<Cell>>>>;

/// One service in front of one scripted upstream.
struct Stage {
    wire: Wire,
    upstream: Upstream,
    service: Brains,
    cells: Cells,
    folder: tempfile::TempDir,
    /// One client leaves at a time, so that it is known who left.
    leaving: tokio::sync::Mutex<()>,
}

/// What the model says, to whichever cell asks.
fn play(wire: Wire, cells: &Cells, seen: &Seen) -> Reply {
    let model = serde_json::from_slice::<Value>(&seen.body).map(|body| body["model"].clone());
    let name = model.as_ref().ok().and_then(Value::as_str).unwrap_or_default();
    let cell = cells.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    let Some(cell) = cell else { return (wire.answer)(seen) };
    agent::answer(&wire, seen, cell.own, |ask| {
        let earlier = cell.asked.fetch_add(1, Ordering::SeqCst);
        cell.scene.next(ask, earlier)
    })
}

impl Stage {
    async fn set(wire: Wire) -> Self {
        let cells = Cells::default();
        let known = Arc::clone(&cells);
        let upstream = Upstream::start(move |seen| play(wire, &known, seen)).await;
        let service = Brains::start(wire.setup(&upstream)).await;
        let folder = tempfile::tempdir().expect("a folder");
        Self { wire, upstream, service, cells, folder, leaving: tokio::sync::Mutex::default() }
    }

    /// Runs one cell; gives what went wrong, in the client's words where it has some.
    async fn run(&self, number: usize, client: &'static RealClient, feature: Feature) -> Result<(), String> {
        let model = format!("scripted-{number}");
        let folder: PathBuf = self.folder.path().join(&model);
        let own = client.own == self.wire.provider;
        let signs = |provider: &str| [wire::ANTHROPIC.provider, wire::RESPONSES.provider].contains(&provider);
        let signed = signs(client.own) && signs(self.wire.provider);
        let scene = Scene { feature, number, folder: folder.clone(), hands: client.hands, signed };
        scene.furnish();
        let cell = Arc::new(Cell { client, scene, own, asked: AtomicUsize::new(0) });
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).insert(model.clone(), Arc::clone(&cell));
        let asked_for = format!("{}/{model}", self.wire.provider);
        let outcome = self.perform(&cell, &asked_for).await;
        let outcome = match outcome {
            Ok(told) => self.traced(&cell, &model, told.as_deref()).await,
            Err(words) => Err(words),
        };
        drop(fs_err::remove_dir_all(&folder));
        outcome.map_err(|words| {
            let words = words.replace(&folder.display().to_string(), "FOLDER");
            words.replace(&self.service.client.base, "GATEWAY").replace(&model, "MODEL")
        })
    }

    /// Starts the client as often as its scene says. Gives its own name of the session, if it has one.
    async fn perform(&self, cell: &Cell, model: &str) -> Result<Option<String>, String> {
        let mut told = None;
        for run in 0..cell.scene.feature.runs() {
            let place = Place { service: &self.service, model, scene: &cell.scene, run };
            let command = (cell.client.start)(&place);
            if cell.scene.feature == Feature::HangUp {
                return self.leave(cell, command).await.map(|()| None);
            }
            let output = finish(command).await?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            let last = run + 1 == cell.scene.feature.runs();
            let shown = plain(&said);
            let complete = !last || cell.scene.expected().iter().all(|words| shown.contains(words));
            match (output.status.success(), complete) {
                (true, true) => {}
                // Who says that it failed has not passed half an answer off as one.
                (false, _) if cell.scene.feature == Feature::Cut => {}
                (_, _) => return Err(format!("{}: {}", output.status, words(&said, &errors))),
            }
            told = session(&said, cell.client.session);
        }
        Ok(told)
    }

    /// Ends the client while its model is still talking; the upstream must notice.
    async fn leave(&self, cell: &Cell, mut command: Command) -> Result<(), String> {
        let _alone = self.leaving.lock().await;
        let before = self.upstream.left();
        let mut child = command.process_group(0).spawn().expect("the client starts");
        let pid = child.id().expect("it runs");
        let wait = async {
            while cell.asked.load(Ordering::SeqCst) == 0 || self.upstream.open() == 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            // So that the first words are on their way.
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        let began = tokio::time::timeout(LIMIT, wait).await.is_ok();
        end(pid).await;
        drop(child.wait().await);
        if !began {
            return Err("it asked nothing".to_owned());
        }
        let noticed = async {
            while self.upstream.left() == before {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let noticed = tokio::time::timeout(Duration::from_secs(30), noticed).await;
        noticed.map_err(|_| "the upstream went on after its client had left".to_owned())
    }

    /// What the traces say of the cell: nothing refused, and whose session it was.
    async fn traced(&self, cell: &Cell, model: &str, told: Option<&str>) -> Result<(), String> {
        let whole = !matches!(cell.scene.feature, Feature::Cut | Feature::HangUp);
        let asked = cell.asked.load(Ordering::SeqCst);
        let mut traces = Vec::new();
        for _ in 0..100 {
            traces = self.traces(&json!({"model": model, "limit": 200})).await;
            if !traces.is_empty() && (!whole || traces.len() >= asked) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let name = format!("{}/{model}", self.wire.provider);
        let failed = self.traces(&json!({"failed": true, "limit": 200})).await;
        let failed: Vec<&Value> = failed.iter().filter(|trace| trace["requested_model"] == *name).collect();
        if whole && let Some(trace) = failed.first() {
            return Err(format!("a request ended with {}: {}", trace["status"], trace["error_code"]));
        }
        if traces.is_empty() || whole && traces.len() < asked {
            return Err(format!("{} traces of {asked} requests", traces.len()));
        }
        let compacts = |trace: &Value| trace["request_class"] == "compaction";
        if cell.scene.feature == Feature::Compaction && !traces.iter().any(compacts) {
            return Err("no request was for a summary".to_owned());
        }
        if !cell.client.session.is_empty() {
            let natives: Vec<Option<&str>> =
                traces.iter().map(|trace| trace["native_session"].as_str()).collect();
            if natives.contains(&None) {
                return Err(format!("a trace has no native session: {natives:?}"));
            }
            if let Some(told) = told
                && !natives.contains(&Some(told))
            {
                return Err(format!("no trace is of its session {told}: {natives:?}"));
            }
        }
        Ok(())
    }

    /// All pages of them.
    async fn traces(&self, filter: &Value) -> Vec<Value> {
        let mut filter = filter.clone();
        let mut traces = Vec::new();
        loop {
            let listed = self.service.client.operation("list_traces", &filter).await;
            traces.extend(listed["traces"].as_array().cloned().unwrap_or_default());
            if listed["next_cursor"].is_null() {
                return traces;
            }
            filter["cursor"] = listed["next_cursor"].clone();
        }
    }
}

/// Waits for the client's end, and ends what it leaves behind.
pub(super) async fn finish(mut command: Command) -> Result<Output, String> {
    let child = command.process_group(0).spawn().expect("the client starts");
    let pid = child.id().expect("it runs");
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    end(pid).await;
    output.map_err(|_| "it did not end".to_owned())?.map_err(|error| error.to_string())
}

/// Ends a client with all that it started.
async fn end(group: u32) {
    let kill = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).output().await;
    drop(kill);
}

/// What was printed, also when it is JSON that a text stands in.
fn plain(said: &str) -> String {
    let mut texts = vec![said.to_owned()];
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.for_each(|line| strings(&line, &mut texts));
    texts.join("\n")
}

fn strings(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings(value, texts)),
        Value::Object(members) => members.values().for_each(|value| strings(value, texts)),
        _ => {}
    }
}

/// The first member of this name in what was printed.
fn session(said: &str, member: &str) -> Option<String> {
    let mut lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find_map(|line| line[member].as_str().map(str::to_owned))
}

/// The last thing that a client said: its error, or its answer.
fn words(said: &str, errors: &str) -> String {
    let mut lines = said.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let structured = lines.find_map(|line| {
        let places =
            ["/result", "/message", "/error/data/message", "/error/message", "/item/text", "/part/text"];
        places.iter().find_map(|place| line.pointer(place)?.as_str().map(str::to_owned))
    });
    // What a program that does not catch it prints stands above the way there, or below.
    let error = || errors.lines().find(|line| ["Error:", "Error ["].iter().any(|sign| line.contains(sign)));
    let newest = |text: &str| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
    let words =
        structured.or_else(|| error().map(str::to_owned)).or_else(|| newest(errors)).or_else(|| newest(said));
    let words: String =
        words.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/");
    words.chars().take(240).collect()
}

/// All cells of one upstream's wire.
async fn column(wire: Wire) {
    let soak = counts::soak();
    let stage = Stage::set(wire).await;
    warm().await;
    let wanted = |client: &RealClient, feature: Feature| soak || client.in_short(feature);
    let only = agents::only();
    let cells =
        ROSTER.iter().flat_map(|client| client.features.iter().map(move |feature| (client, *feature)));
    let cells = cells.filter(|(client, feature)| {
        wanted(client, *feature)
            && only
                .as_ref()
                .is_none_or(|only| format!("{}: {}", client.title(), feature.title()).contains(only.as_str()))
    });
    let runs = cells.enumerate().map(|(number, (client, feature))| {
        let stage = &stage;
        async move { (client, feature, stage.run(number + 1, client, feature).await) }
    });
    let outcomes: Vec<_> = stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    let expected = record::committed();
    let mut seen = record::begun();
    let mut wrong = Vec::new();
    for (client, feature, outcome) in &outcomes {
        let title = client.title();
        let was = record::green(&expected, &title, *feature, wire.provider);
        let cell = format!("{title}: {}: {}", feature.title(), wire.provider);
        match outcome {
            Err(words) if was != Some(false) => wrong.push(format!("{cell}: {words}")),
            Ok(()) if was == Some(false) && !soak => {
                wrong.push(format!("{cell}: works, but the page says that it does not"));
            }
            _ => {}
        }
        seen[&title]["version"] = json!(client.package.version());
        record::put(&mut seen, &title, *feature, wire.provider, outcome.as_ref().err().map(String::as_str));
    }
    if soak {
        record::write(&seen);
    }
    assert!(wrong.is_empty(), "{} of {} cells:\n{}", wrong.len(), outcomes.len(), wrong.join("\n"));
}

/// Some unpack themselves when they first run, which two at once do not do well.
pub(super) async fn warm() {
    static ONCE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    ONCE.get_or_init(async || {
        let output = finish(agents::unpack()).await;
        assert!(output.is_ok_and(|output| output.status.success()), "Copilot CLI unpacks itself");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_over_chat_completions() {
    column(wire::OPENAI).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_over_responses() {
    column(wire::RESPONSES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_over_messages() {
    column(wire::ANTHROPIC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_over_ollama() {
    column(wire::OLLAMA).await;
}
