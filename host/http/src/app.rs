//! What every request of a listener shares.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use brains_core::config::Config;
use brains_core::{Ambient, Fault, FaultKind, Principal, Secret};
use http::HeaderMap;
use http::request::Parts as RequestParts;

use crate::auth;
use crate::body::{self, WholeBody};
use crate::consumers::RequestConsumers;
use crate::counters::{Carries, TrafficCounters};
use crate::keyring::KeyRing;
use crate::limits::{InFlight, KeyRateLimits, WrongKeys};
use crate::port::{Models, Operations, ProcessInfo};
use crate::request_context::{self, RequestContext};

/// What a listener stands on.
#[derive(Debug, Clone)]
pub struct AppParts {
    pub models: Arc<dyn Models>,
    pub operations: Arc<dyn Operations>,
    pub process: Arc<dyn ProcessInfo>,
    pub keys: Arc<KeyRing>,
    pub ambient: Arc<dyn Ambient>,
    /// What all listeners count together.
    pub counters: TrafficCounters,
    /// What a program proves with that it may read this service's state directory; none is accepted when there is none.
    pub proof: Option<Secret>,
    /// The program's version, told to everyone.
    pub version: &'static str,
}

/// A listener's state; a clone is the same state.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    parts: AppParts,
    limits: KeyRateLimits,
    wrong_keys: WrongKeys,
    in_flight: InFlight,
    started_seconds: i64,
}

impl App {
    pub fn new(parts: AppParts) -> Self {
        Self(Arc::new(Inner {
            limits: KeyRateLimits::new(Arc::clone(&parts.ambient)),
            wrong_keys: WrongKeys::new(Arc::clone(&parts.ambient)),
            in_flight: InFlight::default(),
            started_seconds: parts.ambient.now().0 / 1000,
            parts,
        }))
    }

    pub(crate) fn models(&self) -> &dyn Models {
        &*self.0.parts.models
    }

    pub(crate) fn operations(&self) -> &dyn Operations {
        &*self.0.parts.operations
    }

    pub(crate) fn process(&self) -> &dyn ProcessInfo {
        &*self.0.parts.process
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.0.parts.keys
    }

    pub(crate) fn ambient(&self) -> &dyn Ambient {
        &*self.0.parts.ambient
    }

    pub(crate) fn version(&self) -> &'static str {
        self.0.parts.version
    }

    pub(crate) fn limits(&self) -> &KeyRateLimits {
        &self.0.limits
    }

    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.0.in_flight
    }

    pub(crate) fn started_seconds(&self) -> i64 {
        self.0.started_seconds
    }

    pub(crate) fn counters(&self) -> &TrafficCounters {
        &self.0.parts.counters
    }

    pub(crate) fn proof(&self) -> Option<&Secret> {
        self.0.parts.proof.as_ref()
    }

    /// Reads the body of a request, with what it counts for.
    pub(crate) async fn read(
        &self,
        context: &RequestContext,
        parts: &RequestParts,
        body: Body,
        carries: Carries,
    ) -> Result<WholeBody, Fault> {
        let consumers = parts.extensions.get::<RequestConsumers>();
        let allowance = self.counters().allowance(carries, consumers, context.config());
        let read = body::read(&parts.headers, body, &allowance).await;
        if read.as_ref().is_err_and(|fault| fault.kind == FaultKind::TooSlow) {
            self.counters().count_late();
        }
        read
    }

    /// Whom the request's key stands for.
    pub(crate) async fn principal(&self, headers: &HeaderMap, config: &Config) -> Result<Principal, Fault> {
        let open_to_all = config.allow_unauthenticated_api;
        auth::principal(headers, self.keys(), &self.0.wrong_keys, open_to_all).await
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("version", &self.version()).finish_non_exhaustive()
    }
}

/// The principal that the key layer found. A handler that takes it cannot be reached around that layer.
pub(crate) struct Authenticated(pub(crate) Principal);

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut RequestParts, _: &S) -> Result<Self, Response> {
        // Taken, not copied: a request has one principal, and one handler.
        parts
            .extensions
            .remove::<Principal>()
            .map(Self)
            .ok_or_else(|| request_context::area(parts).refuse(&Fault::unauthorized("no API key was sent")))
    }
}
