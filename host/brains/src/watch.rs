//! Follows the files that people edit: the configuration, its overlay, and the plugins directory. The operating
//! system tells of changes; where it cannot, the files are looked at often. A change counts by what the files hold,
//! so that a touch, a save without an edit or our own write makes nothing happen twice. What follows from a
//! change is decided by the control plane.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brains_control::BoxedFuture;
use brains_control::ports::FileEventsPort;
use brains_core::Fault;
use brains_files::GateTarget;
use brains_runtime::ComponentRegistry;
use brains_runtime::{Look, Pace};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin_key::AdminKeyFile;
use crate::ports::{InForce, SETTLING, blocking};

/// Changes come in bursts; the burst is over when nothing has come for this long,
const QUIET: Duration = Duration::from_millis(60);
/// and is not waited for any longer than this.
const BURST: Duration = Duration::from_millis(300);
/// How often the files are looked at besides, when the system tells of changes, and when it does not.
const BESIDES: Duration = Duration::from_secs(2);
const ALONE: Duration = Duration::from_millis(400);

/// The files that are followed, and what is being compiled of them.
#[derive(Debug)]
pub(crate) struct FileEvents {
    settings: InForce,
    live: Arc<ComponentRegistry>,
    admin_key: Arc<AdminKeyFile>,
    folders: BTreeSet<PathBuf>,
    state: AsyncMutex<Option<Following>>,
    /// Code was compiled that is not in force yet.
    prepared: AtomicBool,
    /// A file is still being written.
    unsettled: AtomicBool,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What following remembers from one event to the next.
#[derive(Debug)]
struct Following {
    watch: Arc<Mutex<FolderWatch>>,
    stirred: Receiver<()>,
    /// One at a time that is quick, and one that takes long: neither waits for the other.
    quick: Option<JoinHandle<()>>,
    long: Option<JoinHandle<()>>,
}

impl Following {
    fn begin() -> Self {
        let (sender, stirred) = channel(1);
        Self { watch: Arc::new(Mutex::new(FolderWatch::by_system(sender))), stirred, quick: None, long: None }
    }
}

impl FileEvents {
    /// `plugins` is the directory of component files. Nothing is watched before somebody asks for the first event.
    pub(crate) fn new(
        settings: InForce,
        live: Arc<ComponentRegistry>,
        admin_key: Arc<AdminKeyFile>,
        plugins: PathBuf,
    ) -> Self {
        let files = [settings.sources.yaml(), settings.sources.overlay()];
        let parents =
            files.iter().filter_map(|file| std::path::absolute(file).ok()?.parent().map(Path::to_owned));
        let folders = parents.chain([plugins]).collect();
        Self {
            settings,
            live,
            admin_key,
            folders,
            state: AsyncMutex::default(),
            prepared: AtomicBool::new(false),
            unsettled: AtomicBool::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// No event is told any more, and nothing is compiled.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.live.runtime().stop();
    }

    /// Waits for what was being compiled; call it after [`FileEvents::stop`].
    pub(crate) async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Waits until the files are worth a look.
    async fn next(&self) {
        let mut state = self.state.lock().await;
        let following = state.get_or_insert_with(Following::begin);
        loop {
            if self.stop.is_cancelled() {
                return std::future::pending().await;
            }
            let paces = [(Pace::Quick, &mut following.quick), (Pace::Long, &mut following.long)];
            for (pace, preparing) in paces {
                if preparing.is_none() && self.live.has_due(pace) {
                    let live = Arc::clone(&self.live);
                    *preparing = Some(self.tasks.spawn_blocking(move || live.prepare(pace)));
                }
            }
            let every = match (self.unsettled.load(Ordering::Relaxed), self.cover(&following.watch).await) {
                (true, _) => SETTLING,
                (false, true) => BESIDES,
                (false, false) => ALONE,
            };
            let Following { stirred, quick, long, .. } = following;
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = finished(quick) => {
                    *quick = None;
                    self.prepared.store(true, Ordering::Relaxed);
                    break;
                }
                () = finished(long) => {
                    *long = None;
                    self.prepared.store(true, Ordering::Relaxed);
                    break;
                }
                () = self.live.due() => {}
                Some(()) = stirred.recv() => {
                    quiet(stirred).await;
                    break;
                }
                () = sleep(every) => break,
            }
        }
        if self.admin_key.look().await {
            tracing::info!("the admin key was changed");
        }
    }

    /// Looks at the plugins directory, and puts in force what it offers when that is something else than before.
    async fn refresh(&self) -> Result<(), Fault> {
        let live = Arc::clone(&self.live);
        let looked = blocking(move || live.look(Look::Settled)).await?;
        self.unsettled.store(looked.unsettled, Ordering::Relaxed);
        // What is refused or gone shows at once; what must be compiled first follows when it is.
        let prepared = self.prepared.swap(false, Ordering::Relaxed);
        if !prepared && !looked.changed {
            return Ok(());
        }
        let live = Arc::clone(&self.live);
        blocking(move || live.refresh()).await?.map(drop).map_err(|problems| {
            let reasons: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Fault::invalid(reasons.join("; ")).code("component_refused")
        })
    }

    /// Whether all folders are watched. While that hangs somewhere they are looked at instead.
    async fn cover(&self, watch: &Arc<Mutex<FolderWatch>>) -> bool {
        let (watch, folders) = (Arc::clone(watch), self.folders.clone());
        let covered = self.settings.gate.run(GateTarget::named("the watched folders"), move |visit| {
            folders.iter().all(|folder| visit.enter(folder).is_ok())
                && watch.try_lock().is_ok_and(|mut watch| watch.cover(&folders))
        });
        covered.await.unwrap_or(false)
    }
}

impl FileEventsPort for FileEvents {
    fn changed(&self) -> BoxedFuture<'_, ()> {
        Box::pin(self.next())
    }

    fn config_is_stale(&self) -> BoxedFuture<'_, bool> {
        Box::pin(self.settings.stale())
    }

    fn refresh_components(&self) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(self.refresh())
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
struct FolderWatch {
    /// None when the system cannot tell.
    system: Option<RecommendedWatcher>,
    /// What is watched, by the number that the file system gives to a folder: one made anew has another.
    covered: BTreeMap<PathBuf, u64>,
}

impl FolderWatch {
    fn by_system(sender: Sender<()>) -> Self {
        let system = notify::recommended_watcher(move |_| {
            // One that waits is as good as two.
            let _one_waits = sender.try_send(());
        });
        if let Err(error) = &system {
            tracing::warn!(%error, "files cannot be watched, they are read every now and then instead");
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
