//! A provider for the models of GitHub Copilot. They are reached over three wires, not each over all: a client's own is
//! relayed where the model has it, else the best one that it has is spoken. The account is the one that a person signed in with
//! ([`sign_in`]) or whose token is configured.

mod account;
mod models;
mod settings;
mod sign_in;
mod upstream_wire;

use std::cell::Cell;

use brains_sdk::canon::catalogue::Page;
use brains_sdk::canon::exchange::{Body, Field, Framing, Head, Outbound, Request, Response};
use brains_sdk::canon::relay::{self, Call, Edit, Lane, Surface};
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault, FaultKind};
use brains_sdk::dialect::fault::SIGN_IN;
use brains_sdk::dialect::turn::TurnFacts;
use brains_sdk::wire::{Encoded, Exchange, quote, refused, text};
use brains_sdk::{Auth, Catalogue, Chat, Component, Errors, Info, Relay, info};

use account::AccountInUse;
use settings::Settings;
use sign_in::SignInToGitHub;
use upstream_wire::{Decoder, UpstreamWire};

/// The version of the vendor's API that lists say what a model speaks.
const API_VERSION: &str = "2026-06-01";

/// The component.
#[derive(Debug)]
pub struct Copilot {
    settings: Settings,
    /// The wire of this exchange's answer.
    spoken: Cell<UpstreamWire>,
}

impl Copilot {
    /// With what every exchange is sent with; the credential among it.
    fn signed(&self, exchange: Exchange, account: &AccountInUse) -> Result<Exchange, Fault> {
        let Settings { exchange: exchanges, integration_id, editor_version, .. } = &self.settings;
        let mut exchange = account.signed(exchange, *exchanges)?.header("editor-version", editor_version);
        exchange = exchange.header("editor-plugin-version", concat!("brains/", env!("CARGO_PKG_VERSION")));
        exchange = exchange.header("x-github-api-version", API_VERSION);
        if !integration_id.is_empty() {
            exchange = exchange.header("copilot-integration-id", integration_id);
        }
        Ok(exchange)
    }

    /// With what a generation is sent with besides: who asked for it, and whether it has pictures.
    fn asking(&self, exchange: Exchange, account: &AccountInUse, turn: TurnFacts) -> Result<Exchange, Fault> {
        let exchange = self.signed(exchange, account)?.header("openai-intent", "conversation-panel");
        let exchange = exchange.header("x-initiator", if turn.by_user { "user" } else { "agent" });
        Ok(if turn.has_images { exchange.header("copilot-vision-request", "true") } else { exchange })
    }
}

impl Component for Copilot {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        settings.check()?;
        Ok(Self { settings, spoken: Cell::new(UpstreamWire::Chat) })
    }
}

impl Errors for Copilot {
    fn decode_error(&self, response: Response) -> Fault {
        let (status, body) = (response.head.status, text(response.body));
        account::explained(status, &body, refused(status, &response.head.headers, &body))
    }
}

impl Catalogue for Copilot {
    fn models_request(&self, ctx: &CallContext, _cursor: Option<&str>) -> Option<Request> {
        if !self.settings.models.is_empty() {
            return None;
        }
        let account = AccountInUse::of(ctx);
        let exchange =
            self.settings.upstream(ctx).get("/models", "", &CallContext::default()).accepting(false);
        // Without an account there is no list; whoever asks is told so by the flow.
        self.signed(exchange, &account).ok().map(Exchange::into_request)
    }

    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        match response {
            None => Ok(models::named(&self.settings.models)),
            Some(response) if !(200..300).contains(&response.head.status) => Err(self.decode_error(response)),
            Some(response) => models::listed(&text(response.body)),
        }
    }
}

impl Relay for Copilot {
    fn surfaces(&self) -> Vec<Surface> {
        let surface = |wire: UpstreamWire| Surface {
            name: wire.surface().to_owned(),
            dialect: wire.dialect().to_owned(),
        };
        UpstreamWire::ALL.into_iter().map(surface).collect()
    }

    /// The client's own body, where the model has the client's wire.
    fn prepare(&self, call: Call) -> Result<Lane, Fault> {
        let Call { surface, model, stream, query, headers, ctx } = call;
        let wire = UpstreamWire::ALL.into_iter().find(|wire| wire.surface() == surface);
        let Some(wire) = wire.filter(|wire| models::wires(&model).contains(wire)) else {
            return Ok(Lane::Translate);
        };
        let exchange = wire.exchange(&self.settings.upstream(&ctx), stream, &query, &headers, &ctx);
        let account = AccountInUse::of(&ctx);
        let request = self.asking(exchange, &account, account.turn())?.into_request();
        let mut edits = wire.edits(&model, stream);
        edits.push(Edit::set("model", quote(&model)));
        Ok(Lane::Relay(relay::Outbound { request, framing: framing(stream), edits }))
    }
}

impl Chat for Copilot {
    type Decoder = Decoder;

    fn encode(&self, req: ChatRequest, headers: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault> {
        let wire = models::wires(&req.model).into_iter().max().unwrap_or(UpstreamWire::Chat);
        self.spoken.set(wire);
        let Encoded { body, losses } = wire.encode(&req)?;
        let exchange = wire.exchange(&self.settings.upstream(ctx), req.stream, "", &headers, ctx);
        let exchange = exchange.listing(wire.paired(&body));
        let exchange = self.asking(exchange, &AccountInUse::of(ctx), TurnFacts::of(&req))?;
        let request = exchange.body(Body::Text(body)).into_request();
        let added = wire.added(&req).into_iter().map(str::to_owned).collect();
        Ok(Outbound { request, framing: framing(req.stream), losses, added })
    }

    fn decode_unary(&self, response: Response, ctx: &CallContext) -> Result<Vec<Event>, Fault> {
        self.spoken.get().decode_unary(&text(response.body), ctx)
    }

    fn open(&self, _: Head, ctx: CallContext) -> Result<Decoder, Fault> {
        Ok(self.spoken.get().decoder(&ctx))
    }
}

impl Auth for Copilot {
    type Flow = SignInToGitHub;

    fn flow(&self) -> SignInToGitHub {
        SignInToGitHub::new(self.settings.clone())
    }
}

fn framing(stream: bool) -> Framing {
    if stream { Framing::Sse } else { Framing::Raw }
}

/// A refusal that a person must do something about.
fn refusal(code: &str, message: String) -> Fault {
    Fault {
        kind: FaultKind::Other(SIGN_IN.to_owned()),
        message,
        code: Some(code.to_owned()),
        retry_after_ms: None,
        failover: true,
    }
}

brains_sdk::export_provider!(Copilot, auth);

#[cfg(test)]
mod tests;
