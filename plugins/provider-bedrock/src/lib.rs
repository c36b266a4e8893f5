//! A provider for the models of Amazon Bedrock. Its own wire is spoken, which is one for all of them. Requests are signed, or
//! sent with an API key; the host holds what they are signed with.

mod catalogue;
mod credentials;
mod families;
mod settings;

use std::cell::RefCell;

use brains_sdk::bedrock_converse::{BedrockConverseDecoder, PlainToolNames, answered, decode_whole, encode};
use brains_sdk::canon::catalogue::Page;
use brains_sdk::canon::exchange::{Field, Framing, Head, Outbound, Payload, Request, Response};
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault};
use brains_sdk::sigv4::{HostKeys, uri_encoded};
use brains_sdk::wire::{Address, Encoded, Exchange, text};
use brains_sdk::{Catalogue, Chat, Component, Errors, Info, host, info};

use credentials::InUse;
use settings::Settings;

/// The component.
#[derive(Debug)]
pub struct Bedrock {
    settings: Settings,
    /// What this exchange's answer is read with: the model that was asked, and the names that its tools go by.
    asked: RefCell<(String, PlainToolNames)>,
}

impl Bedrock {
    fn signed(&self, exchange: Exchange) -> Result<Exchange, Fault> {
        InUse::of(&host::has_secret)?.signed(exchange, &HostKeys, &self.settings.region, host::now_ms())
    }

    fn read(&self) -> (String, PlainToolNames) {
        self.asked.borrow().clone()
    }
}

impl Component for Bedrock {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        settings.check()?;
        Ok(Self { settings, asked: RefCell::default() })
    }
}

impl Errors for Bedrock {
    fn decode_error(&self, response: Response) -> Fault {
        answered(&response.head, &text(response.body))
    }
}

impl Catalogue for Bedrock {
    /// The models, then the profiles that lead to those which answer through one alone.
    fn models_request(&self, ctx: &CallContext, cursor: Option<&str>) -> Option<Request> {
        if !self.settings.models.is_empty() {
            return None;
        }
        let (path, query) = catalogue::page_address(cursor);
        let address = Address::new(&self.settings.catalogue_url());
        let exchange = address.get(path, &query, ctx).accepting(false);
        // Without credentials there is no list; whoever asks a model is told so.
        self.signed(exchange).ok().map(Exchange::into_request)
    }

    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        match response {
            None => Ok(catalogue::named(&self.settings)),
            Some(response) if !(200..300).contains(&response.head.status) => Err(self.decode_error(response)),
            Some(response) => catalogue::listed(&text(response.body), &self.settings),
        }
    }
}

impl Chat for Bedrock {
    type Decoder = BedrockConverseDecoder;

    fn encode(&self, req: ChatRequest, _: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault> {
        let Encoded { body, losses } = encode(&req, &families::options(&self.settings, &req.model))?;
        self.asked.replace((req.model.clone(), PlainToolNames::of(&req)));
        let (action, accept) = if req.stream {
            ("converse-stream", "application/vnd.amazon.eventstream")
        } else {
            ("converse", "application/json")
        };
        // Ids hold colons, and those that are ARNs slashes.
        let path = format!("/model/{}/{action}", uri_encoded(req.model.as_bytes()));
        let exchange = Address::new(&self.settings.base_url()).post(&path, "", ctx);
        let request = self.signed(exchange.header("accept", accept).json(body))?.into_request();
        Ok(Outbound { request, framing: Framing::Raw, losses, added: Vec::new() })
    }

    fn decode_unary(&self, response: Response, _: &CallContext) -> Result<Vec<Event>, Fault> {
        let body = match response.body {
            Payload::Text(text) => text.into_bytes(),
            Payload::Bytes(bytes) => bytes,
        };
        let (model, names) = self.read();
        decode_whole(&body, &model, names)
    }

    fn open(&self, _: Head, _: CallContext) -> Result<BedrockConverseDecoder, Fault> {
        let (model, names) = self.read();
        Ok(BedrockConverseDecoder::new(&model, names))
    }
}

brains_sdk::export_chat!(Bedrock);

#[cfg(test)]
mod tests;
