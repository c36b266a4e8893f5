//! What is found out about a request once, where it gets its id, and holds to its end: its id, the area that it is for
//! with the wire of its client, and the configuration and instances that it is judged and answered by.

use std::sync::Arc;

use brains_core::Ambient;
use brains_core::config::Config;
use brains_gateway::ActiveSet;
use http::request::Parts;
use http::{HeaderMap, Uri};

use crate::area::Area;
use crate::request_id::RequestId;

/// An extension of every request, put there by the outermost layer.
#[derive(Debug)]
pub(crate) struct RequestContext {
    pub(crate) id: RequestId,
    pub(crate) area: Area,
    /// A reload counts from the next request on.
    pub(crate) active: Arc<ActiveSet>,
}

impl RequestContext {
    pub(crate) fn new(uri: &Uri, headers: &HeaderMap, active: Arc<ActiveSet>, ambient: &dyn Ambient) -> Self {
        Self { id: RequestId::of(headers, ambient), area: Area::of(uri.path(), headers), active }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.active.config
    }
}

/// The area of a request that has passed the outermost layer, as every one has.
pub(crate) fn area(parts: &Parts) -> Area {
    parts.extensions.get::<Arc<RequestContext>>().map_or(Area::Open, |context| context.area)
}
