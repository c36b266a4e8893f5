//! Closures that wait to be run as writes.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use brains_core::Fault;
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::write::actor::Cause;
use crate::write::tx::Tx;

/// How long one closure may take. It awaits nothing but its transaction, so this is a bug or a server that fell silent.
const CLOSURE_LIMIT: Duration = Duration::from_secs(30);

/// What a write's closure returns: a future that borrows the transaction.
pub type Work<'tx, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'tx>>;

/// A closure with its type erased, so that closures of all results stand in one queue.
pub(crate) trait QueuedWrite: Send {
    /// Whether nobody waits for it any more. Asked before it starts, never after.
    fn abandoned(&self) -> bool;
    /// Runs the closure and keeps what it returned; some of its statements may wait. On an error the caller rolls back.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;
    /// Tells the caller, after the commit or the rollback.
    fn answer(self: Box<Self>, end: Result<(), Fault>);
}

pub(crate) struct WriteRequest<T, F> {
    cause: Option<Cause>,
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

impl<T, F> WriteRequest<T, F>
where
    T: Send + 'static,
    F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
{
    pub(crate) fn start(
        cause: Option<Cause>,
        work: F,
    ) -> (Box<dyn QueuedWrite>, oneshot::Receiver<Result<T, Fault>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { cause, work: Some(work), value: None, reply }), answer)
    }
}

impl<T, F> QueuedWrite for WriteRequest<T, F>
where
    T: Send + 'static,
    F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Err(StoreError::Closed.into()) };
            tx.enter(self.cause.take()).await?;
            let guarded = AssertUnwindSafe(async { work(tx).await }).catch_unwind();
            let value = match tokio::time::timeout(CLOSURE_LIMIT, guarded).await {
                Err(_) => return Err(StoreError::Stalled.into()),
                Ok(Err(_)) => return Err(StoreError::Panicked.into()),
                Ok(Ok(result)) => result?,
            };
            if tx.rows.refused() {
                return Err(StoreError::Poisoned.into());
            }
            self.value = Some(value);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, end: Result<(), Fault>) {
        let answer = match (end, self.value) {
            (Ok(()), Some(value)) => Ok(value),
            (Ok(()), None) => Err(StoreError::Closed.into()),
            (Err(fault), _) => Err(fault),
        };
        // A caller that went away learns nothing; the write stands as decided.
        drop(self.reply.send(answer));
    }
}
