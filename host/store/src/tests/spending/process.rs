//! A process as tests of budgets have it: it may die at any moment, and says nothing before.

use brains_core::spending::SpendingVerdict;
use tokio::runtime::Runtime;

use crate::tests::bed::Bed;
use crate::{SpendingAsk, Store, UsageSlot};

/// A small generator: what it gives follows from its seed, which a failure tells.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// One process: a store on threads of its own, which end with it.
pub(super) struct Process {
    pub(super) store: Store,
    runtime: Option<Runtime>,
    pub(super) open: Vec<(UsageSlot, SpendingAsk)>,
}

impl Process {
    pub(super) async fn start(bed: &Bed) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (url, options) = (bed.url.clone(), bed.options());
        let store = runtime.spawn(async move { Store::open(&url, options).await.unwrap() }).await.unwrap();
        Self { store, runtime: Some(runtime), open: Vec::new() }
    }

    pub(super) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime.as_ref().unwrap().spawn(work).await.unwrap()
    }

    pub(super) async fn reserve(&self, ask: SpendingAsk) -> (UsageSlot, SpendingVerdict) {
        let store = self.store.clone();
        self.run(async move {
            let slot = store.ledger().place().await.unwrap();
            let (slot, answer) = store.spending_book().reserve(slot, ask).await.unwrap();
            (slot, answer.verdict)
        })
        .await
    }

    /// Begins something that ends with it.
    pub(super) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.as_ref().unwrap().spawn(work));
    }

    /// Nothing of it runs any more, and nothing was said before.
    pub(super) fn kill(mut self) -> Vec<SpendingAsk> {
        self.runtime.take().unwrap().shutdown_background();
        let open = std::mem::take(&mut self.open);
        open.into_iter().map(|(slot, ask)| (std::mem::forget(slot), ask).1).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
