//! Follows the files that people edit: the configuration, its overlay, and the plugins directory. The operating
//! system tells of changes; where it cannot, the files are looked at often. A change counts by what the files hold,
//! so that a touch, a save without an edit or our own write makes nothing happen twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brains_control::ControlPlane;
use brains_core::{Fault, Principal};
use brains_files::GateTarget;
use brains_runtime::ComponentRegistry;
use brains_runtime::{Look, Pace};
use brains_store::{Actor, Scope, Store};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use serde_json::json;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin_key::AdminKeyFile;
use crate::ports::{InForce, blocking};
use crate::services::Services;

/// Changes come in bursts; the burst is over when nothing has come for this long,
const QUIET: Duration = Duration::from_millis(60);
/// and is not waited for any longer than this.
const BURST: Duration = Duration::from_millis(300);
/// Between two looks at a file that is still being written.
const SETTLING: Duration = Duration::from_millis(100);
/// How often the files are looked at besides, when the system tells of changes, and when it does not.
const BESIDES: Duration = Duration::from_secs(2);
const ALONE: Duration = Duration::from_millis(400);

/// What following takes.
#[derive(Debug)]
pub(crate) struct Watch {
    settings: InForce,
    control: Arc<ControlPlane>,
    live: Arc<ComponentRegistry>,
    store: Store,
    admin_key: Arc<AdminKeyFile>,
    folders: BTreeSet<PathBuf>,
    tasks: TaskTracker,
}

impl Watch {
    /// `plugins` is the directory of component files.
    pub(crate) fn new(services: &Services, plugins: PathBuf, tasks: TaskTracker) -> Self {
        let sources = &services.settings.sources;
        let files = [sources.yaml(), sources.overlay()];
        let parents =
            files.iter().filter_map(|file| std::path::absolute(file).ok()?.parent().map(Path::to_owned));
        let folders = parents.chain([plugins]).collect();
        Self {
            settings: services.settings.clone(),
            control: Arc::clone(&services.control),
            live: Arc::clone(&services.live),
            store: services.store.clone(),
            admin_key: Arc::clone(&services.admin_key),
            folders,
            tasks,
        }
    }

    /// Follows until `stop`. What is being prepared then is waited for by `tasks`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let (sender, mut stirred) = channel(1);
        self.follow(Told::by_system(sender), &mut stirred, &stop).await;
    }

    async fn follow(&self, told: Told, stirred: &mut Receiver<()>, stop: &CancellationToken) {
        let told = Arc::new(Mutex::new(told));
        // One at a time that is quick, and one that takes long: neither waits for the other.
        let (mut quick, mut long): (Option<JoinHandle<()>>, Option<JoinHandle<()>>) = (None, None);
        let mut unsettled = false;
        loop {
            for (pace, preparing) in [(Pace::Quick, &mut quick), (Pace::Long, &mut long)] {
                if preparing.is_none() && self.live.has_due(pace) {
                    let live = Arc::clone(&self.live);
                    *preparing = Some(self.tasks.spawn_blocking(move || live.prepare(pace)));
                }
            }
            let every = match (unsettled, self.cover(&told).await) {
                (true, _) => SETTLING,
                (false, true) => BESIDES,
                (false, false) => ALONE,
            };
            let (quick_done, long_done) = tokio::select! {
                () = stop.cancelled() => {
                    self.live.runtime().stop();
                    return;
                }
                () = finished(&mut quick) => (true, false),
                () = finished(&mut long) => (false, true),
                () = self.live.due() => continue,
                Some(()) = stirred.recv() => {
                    quiet(stirred).await;
                    (false, false)
                }
                () = sleep(every) => (false, false),
            };
            if quick_done {
                quick = None;
            }
            if long_done {
                long = None;
            }
            if quick_done || long_done {
                self.refresh().await;
            }
            if self.admin_key.look().await {
                tracing::info!("the admin key was changed");
            }
            self.reload_if_stale().await;
            let live = Arc::clone(&self.live);
            let Ok(looked) = blocking(move || live.look(Look::Settled)).await else { continue };
            unsettled = looked.unsettled;
            if looked.changed {
                // What is refused or gone shows at once; what must be compiled first follows when it is.
                self.refresh().await;
            }
        }
    }

    /// Whether all folders are watched. While that hangs somewhere they are looked at instead.
    async fn cover(&self, told: &Arc<Mutex<Told>>) -> bool {
        let (told, folders) = (Arc::clone(told), self.folders.clone());
        let covered = self.settings.gate.run(GateTarget::named("the watched folders"), move |visit| {
            folders.iter().all(|folder| visit.enter(folder).is_ok())
                && told.try_lock().is_ok_and(|mut told| told.cover(&folders))
        });
        covered.await.unwrap_or(false)
    }

    /// Puts an edit of the configuration in force, or says why not.
    async fn reload_if_stale(&self) {
        if !self.settings.stale().await {
            return;
        }
        match self.control.call("reload_config", json!({}), &Principal::system()).await {
            Ok(_) => tracing::info!("an edit of the configuration is in force"),
            Err(fault) => self.not_in_force("config.refused", &fault).await,
        }
    }

    /// Puts what the plugins directory offers in force.
    async fn refresh(&self) {
        let live = Arc::clone(&self.live);
        match blocking(move || live.refresh()).await {
            Ok(Ok(_)) => {}
            Ok(Err(problems)) => {
                let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
                let fault = Fault::invalid(told.join("; ")).code("component_refused");
                self.not_in_force("component.refused", &fault).await;
            }
            Err(fault) => self.not_in_force("component.refused", &fault).await,
        }
    }

    async fn not_in_force(&self, event: &'static str, fault: &Fault) {
        tracing::error!(
            cause = %fault.message,
            "what the files say now is not in force, the last good state is"
        );
        let detail = json!({ "cause": fault.message, "code": fault.code });
        let noted = self.store.write(Scope::global(), Actor::system(), move |tx| {
            Box::pin(async move { Ok(tx.record(event, detail).await?) })
        });
        if let Err(fault) = noted.await {
            tracing::warn!(%fault, "the event could not be written");
        }
    }
}

/// Waits for what is being prepared; for ever when nothing is.
async fn finished(preparing: &mut Option<JoinHandle<()>>) {
    match preparing {
        Some(task) => {
            if let Err(error) = task.await {
                tracing::error!(%error, "preparing components ended unexpectedly");
            }
        }
        None => std::future::pending().await,
    }
}

/// Waits for the end of a burst of changes.
async fn quiet(stirred: &mut Receiver<()>) {
    let limit = Instant::now() + BURST;
    while Instant::now() < limit {
        match timeout_at((Instant::now() + QUIET).min(limit), stirred.recv()).await {
            Ok(Some(())) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

/// How changes are told of.
#[derive(Debug)]
struct Told {
    /// None when the system cannot tell.
    system: Option<RecommendedWatcher>,
    /// What is watched, by the number that the file system gives to a folder: one made anew has another.
    covered: BTreeMap<PathBuf, u64>,
}

impl Told {
    fn by_system(sender: Sender<()>) -> Self {
        let system = notify::recommended_watcher(move |_| {
            // One that waits is as good as two.
            let _one_waits = sender.try_send(());
        });
        if let Err(error) = &system {
            tracing::warn!(%error, "changes of files are not told, they are looked for instead");
        }
        Self { system: system.ok(), covered: BTreeMap::new() }
    }

    #[cfg(test)]
    fn by_nobody() -> Self {
        Self { system: None, covered: BTreeMap::new() }
    }

    /// Watches those of `folders` that are there; true when that is all of them. A folder that was removed and made
    /// again is watched again.
    fn cover(&mut self, folders: &BTreeSet<PathBuf>) -> bool {
        let Some(system) = &mut self.system else { return false };
        for folder in folders {
            let number = std::fs::metadata(folder).ok().filter(Metadata::is_dir).map(|found| found.ino());
            if number == self.covered.get(folder).copied() {
                continue;
            }
            self.covered.remove(folder);
            let Some(number) = number else { continue };
            match system.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.covered.insert(folder.clone(), number)),
                Err(error) => tracing::debug!(%error, "a folder is looked at instead of watched"),
            }
        }
        self.covered.len() == folders.len()
    }
}

#[cfg(test)]
const HANG: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
