//! What models the providers list, kept between requests. Asking a provider is an exchange of its component;
//! a list that cannot be had leaves the last one standing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::Instant;

use brains_core::price::ModelPrice;
use brains_core::sync::Unpoisoned as _;
use brains_core::{Ambient, Fault, Millis};
use brains_dialect::canon::catalogue::Model;
use brains_dialect::canon::exchange::{Head, Payload, Response};
use brains_dialect::sse::without_mark;
use brains_runtime::ActiveSet;
use brains_runtime::Instance;

use crate::exchange::{self, ExchangeSender};

/// How long a list counts as fresh.
const FRESH_MS: i64 = 300_000;
/// How long one that could not be had is not asked for again: a provider that is down is not asked at every turn, and one
/// that was only slow is back soon.
const RETRY_MS: i64 = 10_000;
/// How long a caller waits for lists; model discovery of a real client gives up after 3 s (spec/gateway.md 16.6).
const WAIT: Duration = Duration::from_millis(2_500);
/// Bodies of model lists are small; the largest known is under 1 MiB.
const LIST_BYTES: usize = 8 << 20;
const PAGES: usize = 20;

/// One model as the router sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KnownModel {
    pub(crate) id: String,
    pub(crate) label: Option<String>,
    pub(crate) context: Option<u32>,
    pub(crate) caps: Vec<String>,
    /// As the provider lists it.
    pub(crate) price: Option<ModelPrice>,
}

#[derive(Debug)]
struct List {
    /// The version of the instance that listed them: another one asks again. It is not kept for that.
    instance: Weak<Instance>,
    /// When it is asked for again.
    due_ms: i64,
    models: Vec<KnownModel>,
}

/// The lists by provider.
#[derive(Debug, Default)]
pub(crate) struct ModelCatalogue {
    lists: Mutex<HashMap<String, List>>,
}

impl ModelCatalogue {
    pub(crate) fn find(&self, provider: &str, model: &str) -> Option<KnownModel> {
        self.lock().get(provider)?.models.iter().find(|known| known.id == model).cloned()
    }

    /// The first configured provider that lists the bare id `model`.
    pub(crate) fn provider_of(&self, snapshot: &ActiveSet, model: &str) -> Option<String> {
        let lists = self.lock();
        snapshot
            .providers()
            .map(|instance| instance.name())
            .find(|name| {
                lists.get(*name).is_some_and(|list| list.models.iter().any(|known| known.id == model))
            })
            .map(str::to_owned)
    }

    pub(crate) fn models_of(&self, provider: &str) -> Vec<KnownModel> {
        self.lock().get(provider).map(|list| list.models.clone()).unwrap_or_default()
    }

    /// Asks every provider whose list is missing or old, all at once, and waits for a bounded time.
    pub(crate) async fn refresh(&self, snapshot: &ActiveSet, sender: &ExchangeSender, ambient: &dyn Ambient) {
        let now_ms = ambient.now().0;
        let stale: Vec<Arc<Instance>> = snapshot
            .providers()
            .filter(|instance| {
                instance.exports().beside.catalogue
                    && self.lock().get(instance.name()).is_none_or(|list| {
                        list.instance.as_ptr() != Arc::as_ptr(instance) || now_ms >= list.due_ms
                    })
            })
            .cloned()
            .collect();
        join_all(stale.into_iter().map(|instance| async move {
            let listed = tokio::time::timeout(WAIT, ask(&instance, sender, ambient.now())).await;
            let listed = match listed {
                Ok(Ok(models)) => Ok(models),
                Ok(Err(fault)) => Err(fault.to_string()),
                Err(_) => Err("it took too long".to_owned()),
            };
            let (models, wait_ms) = match listed {
                Ok(models) => (models, FRESH_MS),
                Err(cause) => {
                    tracing::debug!(provider = instance.name(), cause, "model list not available");
                    (self.models_of(instance.name()), RETRY_MS)
                }
            };
            let due_ms = now_ms.saturating_add(wait_ms);
            let list = List { instance: Arc::downgrade(&instance), due_ms, models };
            self.lock().insert(instance.name().to_owned(), list);
        }))
        .await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, List>> {
        self.lists.lock_unpoisoned()
    }
}

async fn ask(
    instance: &Arc<Instance>,
    sender: &ExchangeSender,
    now: Millis,
) -> Result<Vec<KnownModel>, Fault> {
    let ctx = exchange::context(sender, instance, "", 0).await?;
    let mut component = instance.exchange().await.map_err(|fault| fault.to_fault())?;
    let mut cursor = None;
    let mut known = Vec::new();
    for _ in 0..PAGES {
        let request =
            component.models_request(ctx.clone(), cursor.take()).await.map_err(|fault| fault.to_fault())?;
        let response = match request {
            None => None,
            Some(request) => {
                let answer =
                    exchange::send(sender, instance, request, Bytes::new(), Instant::now() + WAIT).await?;
                if !(200..300).contains(&answer.status()) {
                    let refused = exchange::Refused::read(answer).await;
                    return Err(exchange::refusal(&mut component, instance, refused, now).await);
                }
                let head = Head { status: answer.status(), headers: answer.fields() };
                let body = answer.read_all(LIST_BYTES).await.map_err(|error| error.to_fault())?;
                Some(Response { head, body: payload(&body) })
            }
        };
        let asked = response.is_some();
        let page = component.models(response).await.map_err(|fault| fault.to_fault())?;
        known.extend(page.models.into_iter().map(known_model));
        cursor = page.next;
        if cursor.is_none() || !asked {
            break;
        }
    }
    Ok(known)
}

/// Text when it is valid UTF-8: far cheaper for scripted guests.
pub(crate) fn payload(body: &Bytes) -> Payload {
    match std::str::from_utf8(without_mark(body)) {
        Ok(text) => Payload::Text(text.to_owned()),
        Err(_) => Payload::Bytes(body.to_vec()),
    }
}

fn known_model(model: Model) -> KnownModel {
    KnownModel {
        price: model.pricing.as_deref().and_then(ModelPrice::of_listing),
        id: model.id,
        label: model.label,
        context: model.context,
        caps: model.caps,
    }
}
