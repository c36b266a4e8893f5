//! Notices whether a request's body was read to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// A body that tells a [`BodyProgress`] when it has ended.
#[derive(Debug)]
pub(crate) struct TrackedBody {
    inner: Body,
    ended: Arc<AtomicBool>,
}

/// What is known of the body once its reader is done with it.
#[derive(Debug)]
pub(crate) struct BodyProgress(Arc<AtomicBool>);

impl TrackedBody {
    pub(crate) fn wrap(inner: Body) -> (Body, BodyProgress) {
        let ended = Arc::new(AtomicBool::new(inner.is_end_stream()));
        let remainder = BodyProgress(Arc::clone(&ended));
        let body = if inner.is_end_stream() { inner } else { Body::new(Self { inner, ended }) };
        (body, remainder)
    }
}

impl BodyProgress {
    pub(crate) fn left_over(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if frame.is_none() || self.inner.is_end_stream() {
            self.ended.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
