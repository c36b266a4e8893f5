//! Whether a request went out on a connection that was there already. A client does not say; but it asks its connector
//! within the request that needs a connection, and that is noted.

use std::cell::Cell;

use tower::util::MapRequestLayer;

tokio::task_local! {
    static CONNECTED: Cell<bool>;
}

/// Notes that a connection is made, for the request within which that happens.
pub(crate) fn noting_layer<R>() -> MapRequestLayer<impl FnMut(R) -> R + Clone + Send + Sync + 'static> {
    MapRequestLayer::new(|request| {
        // Outside of a request nobody wants to know.
        let _noted = CONNECTED.try_with(|connected| connected.set(true));
        request
    })
}

/// What the sending of a request gives, and whether it made no connection.
pub(crate) async fn noting<F: Future>(sending: F) -> (F::Output, bool) {
    CONNECTED
        .scope(Cell::new(false), async {
            let sent = sending.await;
            (sent, !CONNECTED.with(Cell::get))
        })
        .await
}
