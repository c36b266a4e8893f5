//! One live instance of a component: its store, the interfaces it exports, and the guarded way to call them.

pub(crate) mod state;

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::ResourceAny;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use crate::bindings::exported as exports;
use crate::engine::Ticker;
use crate::factor::secrets::{Guessing, MISSES_PER_EXCHANGE};
use crate::factor::wasi::Stopped;
use crate::fault::{CallFault, Culprit};
use crate::guest::state::{GuestState, InstanceContext, RanOut, on_epoch};
use crate::limits::CallLimits;
use crate::load::Code;

/// Resources that one live instance may hold at once.
const HANDLES: usize = 4_096;

/// The interfaces of one instance.
pub(crate) struct GuestExports {
    pub(crate) meta: Option<exports::meta::Guest>,
    pub(crate) errors: Option<exports::errors::Guest>,
    pub(crate) catalogue: Option<exports::catalogue::Guest>,
    pub(crate) relay: Option<exports::relay::Guest>,
    pub(crate) chat: Option<exports::chat::Guest>,
    pub(crate) standalone: Option<exports::standalone::Guest>,
    pub(crate) classifier: Option<exports::classifier::Guest>,
    pub(crate) policy: Option<exports::policy::Guest>,
}

/// One live instance. After a trap it is dead, and says so.
pub(crate) struct Guest {
    pub(crate) store: Store<GuestState>,
    pub(crate) exports: Arc<GuestExports>,
    pub(crate) decoder: Option<ResourceAny>,
    pub(crate) calls: u32,
    /// Its place among all live instances; the loader's own questions take none.
    pub(crate) lease: Option<OwnedSemaphorePermit>,
    limits: CallLimits,
    dead: bool,
    /// Memory after the first call.
    settled_bytes: Option<usize>,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("calls", &self.calls).field("dead", &self.dead).finish_non_exhaustive()
    }
}

impl Guest {
    pub(crate) fn new(
        code: &Code,
        settings: &Arc<InstanceContext>,
        ticker: &Ticker,
    ) -> Result<Self, CallFault> {
        let limits = settings.limits;
        let mut store = Store::new(code.pre.engine(), GuestState::new(Arc::clone(settings)));
        store.limiter(|guest| &mut guest.memory);
        store.epoch_deadline_callback(on_epoch);
        store.set_hostcall_fuel(limits.output_bytes);
        store.set_max_component_handles(HANDLES);
        arm(&mut store, limits.budget_ms(0));
        let _running = ticker.run();
        let made = code.pre.instantiate(&mut store).and_then(|instance| {
            macro_rules! load {
                ($name:ident) => {
                    code.indices
                        .$name
                        .as_ref()
                        .map(|indices| indices.load(&mut store, &instance))
                        .transpose()?
                };
            }
            Ok(GuestExports {
                meta: load!(meta),
                errors: load!(errors),
                catalogue: load!(catalogue),
                relay: load!(relay),
                chat: load!(chat),
                standalone: load!(standalone),
                classifier: load!(classifier),
                policy: load!(policy),
            })
        });
        match made {
            Ok(exports) => Ok(Self {
                store,
                exports: Arc::new(exports),
                decoder: None,
                calls: 0,
                lease: None,
                limits,
                dead: false,
                settled_bytes: None,
            }),
            Err(error) => Err(fault(&error, &store, limits.budget_ms(0), "start")),
        }
    }

    /// Runs one call of `export` under the limits. Any error but a refusal kills the instance.
    pub(crate) fn call<R>(
        &mut self,
        export: &'static str,
        ticker: &Ticker,
        input_bytes: usize,
        work: impl FnOnce(&mut Store<GuestState>, &GuestExports, &mut Option<ResourceAny>) -> wasmtime::Result<R>,
    ) -> Result<R, CallFault> {
        if self.dead {
            return Err(self.store.data().settings.killed(export));
        }
        self.calls = self.calls.saturating_add(1);
        let budget_ms = self.limits.budget_ms(input_bytes);
        arm(&mut self.store, budget_ms);
        self.store.set_hostcall_fuel(self.limits.output_bytes);
        let exports = Arc::clone(&self.exports);
        let _running = ticker.run();
        let result = work(&mut self.store, &exports, &mut self.decoder).map_err(|error| {
            self.dead = true;
            fault(&error, &self.store, budget_ms, export)
        });
        self.settled_bytes.get_or_insert(self.store.data().memory.held_bytes);
        result
    }

    /// Whether it holds more than twice the memory that one call takes: it keeps what it should not.
    pub(crate) fn has_outgrown(&self) -> bool {
        let held_bytes = self.store.data().memory.held_bytes;
        self.settled_bytes.is_some_and(|settled_bytes| held_bytes > settled_bytes.saturating_mul(2))
    }
}

fn arm(store: &mut Store<GuestState>, budget_ms: u32) {
    let ticks = store.data_mut().meter.arm(budget_ms);
    store.set_epoch_deadline(ticks);
}

impl InstanceContext {
    /// Whom a fault in `export` is laid to.
    pub(crate) fn culprit(&self, export: &'static str) -> Culprit {
        Culprit { component: self.component.clone(), instance: self.name.clone(), export }
    }

    /// The fault of whoever calls an instance that is dead.
    pub(crate) fn killed(&self, export: &'static str) -> CallFault {
        let message = "an earlier call killed the instance".into();
        CallFault::Trap { by: self.culprit(export), message }
    }

    /// The fault of an answer that is not usable, logged like every other.
    pub(crate) fn unusable(&self, export: &'static str, what: &str) -> CallFault {
        let what = self.known.cover(what).into_owned();
        self.told(CallFault::Output { by: self.culprit(export), what })
    }

    fn told(&self, fault: CallFault) -> CallFault {
        tracing::warn!(component.id = %self.component, instance = %self.name, cause = %fault, "component call failed");
        fault
    }
}

fn fault(
    error: &wasmtime::Error,
    store: &Store<GuestState>,
    budget_ms: u32,
    export: &'static str,
) -> CallFault {
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return CallFault::Exhausted;
    }
    let guest = store.data();
    let by = guest.settings.culprit(export);
    let said = guest.settings.known.cover(&error.root_cause().to_string()).into_owned();
    let trap = error.downcast_ref::<Trap>();
    let fault = if let Some(ran_out) = guest.memory.refused {
        match ran_out {
            RanOut::Own => CallFault::Memory { by, limit_bytes: guest.memory.limit_bytes },
            RanOut::Together(spent) => CallFault::Crowded { limit_mib: spent.limit >> 20 },
        }
    } else if error.downcast_ref::<Guessing>().is_some() {
        CallFault::Guesses { by, limit: MISSES_PER_EXCHANGE }
    } else if trap == Some(&Trap::Interrupt) {
        CallFault::Deadline { by, limit_ms: budget_ms }
    } else if trap == Some(&Trap::StackOverflow) {
        CallFault::Stack { by }
    } else if said.contains("handle limit exceeded") {
        CallFault::Handles { by, limit: HANDLES }
    } else if trap.is_some()
        || error.downcast_ref::<Stopped>().is_some()
        // A function of WASI that the empty world has no answer to.
        || said.starts_with("unknown import")
    {
        CallFault::Trap { by, message: said }
    } else {
        // What the host refused to take over the border: too much of it, text that is none, a case unknown.
        CallFault::Output { by, what: said }
    };
    guest.settings.told(fault)
}
