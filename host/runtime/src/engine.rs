//! The engines: where instances live, how guest code is laid out for them, and the thread that keeps time for them. They
//! hold no compiler: code comes from the code cache, into which only a process of its own puts any.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::{Cache, Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::fault::StartError;

/// How many instances the pool holds. Eight times as many may live: the others are allocated on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoolProfile {
    /// 256 instances.
    Laptop,
    /// 1,000 instances.
    #[default]
    Server,
    /// As many as are named.
    Exactly(u32),
}

impl PoolProfile {
    const fn slots(self) -> u32 {
        match self {
            Self::Laptop => 256,
            Self::Server => 1_000,
            Self::Exactly(slots) => slots,
        }
    }

    /// Instances that may live at once, in the pool and beyond it.
    const fn leases(self) -> usize {
        self.slots() as usize * 8
    }
}

pub(crate) struct ComponentEngine {
    pub(crate) pool: wasmtime::Engine,
    /// Allocates each instance on demand, for those beyond the pool; none when the first does so anyway.
    pub(crate) beyond: Option<wasmtime::Engine>,
    /// What code must be compiled for.
    pub(crate) layout: Layout,
    pub(crate) ticker: Ticker,
    /// Live instances that there may be at once.
    pub(crate) leases: Arc<Semaphore>,
}

impl ComponentEngine {
    pub(crate) fn start(profile: PoolProfile, cache: &Cache) -> Result<Self, StartError> {
        let Fitting { pool, beyond, layout } = first_that_fits(profile, cache)?;
        let ticker = Ticker::start([&pool].into_iter().chain(&beyond).cloned().collect())?;
        let leases = Arc::new(Semaphore::new(profile.leases()));
        Ok(Self { pool, beyond, layout, ticker, leases })
    }
}

impl std::fmt::Debug for ComponentEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentEngine").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// What of the engine is burnt into compiled code: engine and compiler must agree on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Address space of one linear memory; none is the engine's own default.
    pub(crate) reservation_bytes: Option<u64>,
}

impl Layout {
    /// Without a compiler and without a cache.
    pub(crate) fn config(self) -> Config {
        let mut config = Config::new();
        config
            .enable_compiler(false)
            .epoch_interruption(true)
            .concurrency_support(false)
            // Where each instruction came from, a third of all code: whoever reads a trap is told the function.
            .generate_address_map(false)
            .memory_init_cow(true);
        if let Some(bytes) = self.reservation_bytes {
            config.memory_reservation(bytes);
        }
        config
    }
}

fn pooling(slots: u32, pagemap: bool) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(8))
        .total_memories(slots.saturating_mul(2))
        .total_tables(slots.saturating_mul(8))
        .table_elements(20_000)
        .max_tables_per_module(4)
        .max_memories_per_module(2)
        .max_memory_size(256 * 1024 * 1024)
        .max_unused_warm_slots(32);
    if pagemap {
        // Without the kernel's page map this would clear the whole amount each time.
        pool.linear_memory_keep_resident(2 * 1024 * 1024)
            .table_keep_resident(8 * 1024)
            .pagemap_scan(Enabled::Yes);
    }
    pool
}

/// Engines that this machine grants, and what they have in common.
struct Fitting {
    pool: wasmtime::Engine,
    beyond: Option<wasmtime::Engine>,
    layout: Layout,
}

/// Pool with page map, pool without, pool in a small address space, no pool: the first that this machine grants. Then,
/// beside a pool, the engine for what does not fit into it. Both take the same compiled code.
fn first_that_fits(profile: PoolProfile, cache: &Cache) -> Result<Fitting, StartError> {
    let slots = profile.slots();
    for (pagemap, reservation_bytes) in [(true, None), (false, None), (false, Some(64 * 1024 * 1024))] {
        let layout = Layout { reservation_bytes };
        let mut config = layout.config();
        config.cache(Some(cache.clone()));
        let on_demand = config.clone();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(slots, pagemap)));
        match wasmtime::Engine::new(&config) {
            Ok(pool) => return Ok(Fitting { pool, beyond: Some(build(&on_demand)?), layout }),
            Err(error) => tracing::debug!(pagemap, %error, "pool refused, trying the next layout"),
        }
    }
    tracing::warn!("no pool of instances fits this machine, allocating each on demand");
    let layout = Layout { reservation_bytes: None };
    let mut config = layout.config();
    config.cache(Some(cache.clone()));
    Ok(Fitting { pool: build(&config)?, beyond: None, layout })
}

fn build(config: &Config) -> Result<wasmtime::Engine, StartError> {
    wasmtime::Engine::new(config).map_err(|error| StartError::Engine(error.into()))
}

/// The length of one tick.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// Quiet ticks after which the thread sleeps until the next call.
const QUIET_TICKS: u32 = 50;

/// Moves the epoch on while calls run; sleeps without waking up while none does.
pub(crate) struct Ticker {
    beat: Arc<Beat>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Beat {
    running: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    fn start(engines: Vec<wasmtime::Engine>) -> Result<Self, StartError> {
        let beat = Arc::new(Beat::default());
        let shared = Arc::clone(&beat);
        let thread = thread::Builder::new()
            .name("component-clock".into())
            .spawn(move || shared.run(&engines))
            .map_err(StartError::Ticker)?;
        Ok(Self { beat, thread: Some(thread) })
    }

    /// Time passes for guests until what is returned is dropped.
    pub(crate) fn run(&self) -> RunningCall<'_> {
        self.beat.running.fetch_add(1, Ordering::SeqCst);
        if self.beat.asleep.load(Ordering::SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
        RunningCall(&self.beat)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.beat.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It holds nothing that a panic could have left half done.
            drop(thread.join());
        }
    }
}

impl Beat {
    fn run(&self, engines: &[wasmtime::Engine]) {
        let mut quiet = 0;
        while !self.stop.load(Ordering::SeqCst) {
            if self.running.load(Ordering::SeqCst) > 0 {
                quiet = 0;
            } else {
                quiet += 1;
            }
            if quiet < QUIET_TICKS {
                thread::sleep(TICK);
                engines.iter().for_each(wasmtime::Engine::increment_epoch);
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            // INVARIANT: a call that began before `asleep` was set is seen here; one that begins after wakes us.
            if self.running.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            quiet = 0;
        }
    }
}

/// While it lives, a call is running.
pub(crate) struct RunningCall<'a>(&'a Beat);

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
