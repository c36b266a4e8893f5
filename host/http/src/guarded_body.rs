//! The body of an answer, and what its request holds until the body has been sent or dropped: a place, a connection that
//! is busy.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

pub(crate) struct GuardedBody<H> {
    body: Body,
    _held: H,
}

impl<H> GuardedBody<H> {
    pub(crate) fn new(body: Body, held: H) -> Self {
        Self { body, _held: held }
    }
}

// Nothing of what is held is ever moved or looked at.
impl<H> Unpin for GuardedBody<H> {}

impl<H> HttpBody for GuardedBody<H> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
