//! A guest: one live instance of a component, with its store, the interfaces it exports, and the guarded way to call them.

pub(crate) mod memory;
pub(crate) mod meter;
pub(crate) mod state;

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::ResourceAny;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use crate::context::InstanceContext;
use crate::engine::Ticker;
use crate::factor::secrets::{Guessing, MISSES_PER_EXCHANGE};
use crate::factor::wasi::{Stopped, WasiFactor};
use crate::fault::CallFault;
use crate::load::Code;
use crate::world::GuestExports;

use memory::RanOut;
use meter::on_epoch;
use state::GuestState;

/// Resources that one live instance may hold at once.
const HANDLES: usize = 4_096;
/// What a fault names instead of an export, before there is one.
const START: &str = "start";

/// One live instance. After a trap it is dead, and says so.
pub(crate) struct Guest {
    store: Store<GuestState>,
    exports: Box<GuestExports>,
    /// What reads a streamed answer, or the flow that signs in.
    resource: Option<ResourceAny>,
    pub(crate) calls: u32,
    /// Its place among all live instances; the loader's own questions take none.
    pub(crate) lease: Option<OwnedSemaphorePermit>,
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
        context: &Arc<InstanceContext>,
        ticker: &Ticker,
    ) -> Result<Self, CallFault> {
        let limits = context.limits;
        let mut store = Store::new(code.pre.engine(), GuestState::new(Arc::clone(context)));
        store.limiter(|guest| &mut guest.memory);
        store.epoch_deadline_callback(on_epoch);
        store.set_hostcall_fuel(limits.output_bytes);
        store.set_max_component_handles(HANDLES);
        arm(&mut store, limits.budget_ms(0));
        let _running = ticker.run();
        match code.pre.instantiate(&mut store) {
            Ok(instance) => Ok(Self {
                store,
                exports: Box::new(GuestExports::new(instance, code.exports.clone())),
                resource: None,
                calls: 0,
                lease: None,
                dead: false,
                settled_bytes: None,
            }),
            Err(error) => Err(fault(&error, &store, limits.budget_ms(0), START)),
        }
    }

    /// Binds all that it exports. Whether that has the types of this build is looked at when a component is loaded.
    pub(crate) fn bind_all(&mut self) -> Result<(), CallFault> {
        let bound = self.exports.bind_all(&mut self.store);
        bound.map_err(|error| {
            self.dead = true;
            fault(&error, &self.store, self.store.data().context.limits.budget_ms(0), START)
        })
    }

    /// Runs one call of `export` under the limits. Any error but a refusal kills the instance.
    pub(crate) fn call<R>(
        &mut self,
        export: &'static str,
        ticker: &Ticker,
        input_bytes: usize,
        work: impl FnOnce(
            &mut Store<GuestState>,
            &mut GuestExports,
            &mut Option<ResourceAny>,
        ) -> wasmtime::Result<R>,
    ) -> Result<R, CallFault> {
        if self.dead {
            return Err(self.store.data().context.killed(export));
        }
        self.calls = self.calls.saturating_add(1);
        let limits = &self.store.data().context.limits;
        let (budget_ms, output_bytes) = (limits.budget_ms(input_bytes), limits.output_bytes);
        arm(&mut self.store, budget_ms);
        self.store.set_hostcall_fuel(output_bytes);
        let _running = ticker.run();
        let result = work(&mut self.store, &mut self.exports, &mut self.resource).map_err(|error| {
            self.dead = true;
            fault(&error, &self.store, budget_ms, export)
        });
        WasiFactor::view(self.store.data_mut()).end_line();
        if let Err(fault) = &result {
            // Its author reads this where everything else of it stands.
            let log = &self.store.data().context.factors.log;
            log.write(tracing::Level::ERROR, &fault.to_string(), &[]);
        }
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
    let by = guest.context.culprit(export);
    let said = guest.context.redaction.cover(&error.root_cause().to_string()).into_owned();
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
    guest.context.logged(fault)
}
