//! What of an answer has arrived by now. Pieces that are ready go on together: handing on each by itself costs more than
//! reading it does.

use bytes::Bytes;

use brains_egress::{EgressError, Upstream};

/// How often others get a turn before what has arrived is all there is. The server looks at a body that gives way twice
/// within one turn, so the first of them is none. Until then nothing can be there: the connection's task hands on a
/// piece only once the one before it is taken.
const TURNS: usize = 2;

/// The next piece, its end or its failure, when that is there already. The task that reads the connection gets a turn
/// for it.
pub(crate) async fn next_ready(upstream: &mut Upstream) -> Option<Result<Option<Bytes>, EgressError>> {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    upstream.ready_chunk()
}
