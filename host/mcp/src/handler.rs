//! What is answered to a client's messages. One handler serves a connection, or one request where the protocol knows
//! no connections; between messages it remembers what its client follows, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use brains_control::OperationKind;
use brains_core::fault::HintStyle;
use brains_core::{Fault, FaultKind, Origin};
use futures_util::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ContentBlock, ErrorData, GetPromptRequestParams,
    GetPromptResponse, GetPromptResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, PromptMessage,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ResourceContents,
    ResourceUpdatedNotificationParam, Role, ServerCapabilities, ServerConfig, SubscribeRequestParams,
    SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::answer;
use crate::caller::{McpTransport, parts};
use crate::instructions::instructions;
use crate::port::ToolInvocation;
use crate::prompt;
use crate::resource;
use crate::server::ServerShared;
use crate::subscription::{self, Followed, Follower};
use crate::tool::ToolProfile;

/// How often a caller that waits and asked for it is told that the wait goes on.
const PROGRESS: Duration = Duration::from_secs(5);

/// Cancelled when nobody has read the answer to this message for a while.
#[derive(Debug, Clone)]
pub(crate) struct Hangup(pub(crate) CancellationToken);

/// Answers the messages of one door.
#[derive(Debug, Clone)]
pub(crate) struct Handler {
    shared: Arc<ServerShared>,
    transport: McpTransport,
    followed: Arc<Followed>,
}

impl Handler {
    pub(crate) fn new(shared: Arc<ServerShared>, transport: McpTransport) -> Self {
        Self { shared, transport, followed: Arc::default() }
    }

    fn follower(&self, uri: String, context: &RequestContext<RoleServer>) -> Result<Follower, ErrorData> {
        let principal = self.transport.principal(context).map_err(|fault| protocol_error(&fault))?;
        Ok(Follower { uri, principal })
    }

    fn profile(&self, context: &RequestContext<RoleServer>) -> Result<ToolProfile, Fault> {
        let query = parts(context).and_then(|parts| parts.uri.query());
        ToolProfile::of_query(query).unwrap_or(Ok(self.shared.profile))
    }

    async fn read(
        &self,
        uri: String,
        context: &RequestContext<RoleServer>,
    ) -> Result<ResourceContents, ErrorData> {
        let principal = self.transport.principal(context).map_err(|fault| protocol_error(&fault))?;
        let caller = self.transport.caller(context);
        match resource::read(&*self.shared.tools, &uri, &principal, &caller).await {
            Ok(text) => Ok(ResourceContents::text(text, uri).with_mime_type(resource::JSON)),
            Err(fault) => Err(unread(&fault, &uri)),
        }
    }

    async fn run(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tools = &*self.shared.tools;
        let Some(entry) = tools.registry().find(&request.name) else {
            let shown: String = request.name.chars().take(64).collect();
            return Err(ErrorData::invalid_params(format!("unknown tool `{shown}`"), None));
        };
        let principal = self.transport.principal(context).map_err(|fault| protocol_error(&fault))?;
        let caller = self.transport.caller(context);
        let input = Value::Object(request.arguments.unwrap_or_default());
        let work = tools.call(ToolInvocation { entry, input, principal: &principal, caller: &caller });
        let outcome = tokio::select! {
            biased;
            outcome = work => outcome,
            () = context.ct.cancelled() => Err(gone()),
            // Nothing is lost with what changes nothing; everything else goes on, and its answer waits for its reader.
            () = hung_up(context), if entry.tool.read_only => Err(gone()),
            () = progress(context, entry.kind) => Err(gone()),
        };
        Ok(match outcome {
            Ok(answer) => answer::success(entry, answer),
            Err(fault) => answer::refusal(&fault),
        }
        .into())
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let server = Implementation::new("brains", self.shared.version).with_title("Brains");
        let mut config = ServerConfig::new(
            ServerCapabilities::builder()
                .enable_prompts()
                .enable_resources()
                .enable_resources_subscribe()
                .enable_tools()
                .build(),
        );
        config.server_info = server;
        config.with_instructions(instructions(self.shared.tools.registry()))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        one_page(request)?;
        let principal = self.transport.principal(&context).map_err(|fault| protocol_error(&fault))?;
        let profile = self.profile(&context).map_err(|fault| protocol_error(&fault))?;
        Ok(ListToolsResult::with_all_items(self.shared.catalogue.list(profile, &principal)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.run(request, &context).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let principal = self.transport.principal(&context).map_err(|fault| protocol_error(&fault))?;
        let caller = self.transport.caller(&context);
        let cursor = request.and_then(|request| request.cursor);
        let listed = resource::list(&*self.shared.tools, cursor, &principal, &caller).await;
        listed.map_err(|fault| protocol_error(&fault))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        one_page(request)?;
        Ok(ListResourceTemplatesResult::with_all_items(resource::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let contents = self.read(request.uri, &context).await?;
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let uris = requested.resource_subscriptions.iter().flatten();
        let ours = uris.filter(|uri| resource::workspace(uri).is_ok()).take(subscription::MOST);
        Some(SubscriptionFilter::builder().resource_subscriptions(ours).build())
    }

    /// Goes on when nothing is left that the listener may see: one that ends at once would be opened again and again.
    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let tools = &*self.shared.tools;
        let sink = context.sink();
        let follow = async |uri: &String| {
            let Ok(follower) = self.follower(uri.clone(), context.request_context()) else { return };
            let Ok(mut seen) = follower.begin(tools).await else { return };
            // Once at the beginning: it was acknowledged before this first look, and may have changed in between.
            while sink.notify_resource_updated(uri.clone()).await.is_ok()
                && follower.changed(tools, &mut seen).await.is_ok()
            {}
        };
        let all = context.accepted().resource_subscriptions.iter().flatten().map(follow);
        let all = futures_util::future::join_all(all).then(|_| std::future::pending::<()>());
        tokio::select! {
            () = all => {}
            () = context.cancelled() => {}
            () = hung_up(context.request_context()) => {}
            () = self.shared.stop.cancelled() => {}
        }
        Ok(())
    }

    /// How clients before 2026-07-28 subscribe: the notes go to their connection's own stream.
    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let follower = self.follower(request.uri, &context)?;
        let begun = follower.begin(&*self.shared.tools).await;
        let mut seen = begun.map_err(|fault| unread(&fault, &follower.uri))?;
        let Some(end) = self.followed.add(&follower.uri) else {
            let most = subscription::MOST;
            return Err(ErrorData::invalid_params(
                format!("this connection follows {most} resources already; unsubscribe from some"),
                None,
            ));
        };
        let (shared, peer) = (Arc::clone(&self.shared), context.peer);
        self.shared.tasks.spawn(async move {
            let follow = async {
                while follower.changed(&*shared.tools, &mut seen).await.is_ok() {
                    let note = ResourceUpdatedNotificationParam::new(follower.uri.clone());
                    if peer.notify_resource_updated(note).await.is_err() {
                        break;
                    }
                }
            };
            tokio::select! {
                () = follow => {}
                () = end.cancelled() => {}
                () = shared.stop.cancelled() => {}
            }
        });
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.followed.remove(&request.uri);
        Ok(())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        one_page(request)?;
        Ok(ListPromptsResult::with_all_items(prompt::list()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let filled = prompt::fill(&request.name, request.arguments.as_ref())
            .map_err(|fault| protocol_error(&fault))?;
        let beside = ContentBlock::resource(self.read(filled.beside, &context).await?);
        let text = PromptMessage::new_text(Role::User, filled.text);
        let messages = vec![text, PromptMessage::new(Role::User, beside)];
        Ok(GetPromptResult::new(messages).with_description(filled.description).into())
    }
}

/// Refuses a cursor where the whole list is one page: none was ever handed out.
fn one_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    if request.is_some_and(|request| request.cursor.is_some()) {
        return Err(ErrorData::invalid_params("`cursor` is not one that this list handed out", None));
    }
    Ok(())
}

fn gone() -> Fault {
    Fault::new(FaultKind::Cancelled, Origin::Client, "the caller went away before the answer")
}

async fn hung_up(context: &RequestContext<RoleServer>) {
    match context.extensions.get::<Hangup>() {
        Some(Hangup(token)) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

/// Tells a caller that waits that it still does, for as long as it listens. Never ends by itself.
async fn progress(context: &RequestContext<RoleServer>, kind: OperationKind) {
    if let (OperationKind::Flow, Some(token)) = (kind, context.meta.get_progress_token()) {
        let mut seconds = 0.0;
        loop {
            tokio::time::sleep(PROGRESS).await;
            seconds += PROGRESS.as_secs_f64();
            let note = ProgressNotificationParam::new(token.clone(), seconds).with_message("waiting");
            if context.peer.notify_progress(note).await.is_err() {
                break;
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Why a resource cannot be had.
fn unread(fault: &Fault, uri: &str) -> ErrorData {
    match fault.kind {
        FaultKind::NotFound => {
            ErrorData::resource_not_found(message_with_hint(fault), Some(json!({ "uri": uri })))
        }
        _ => protocol_error(fault),
    }
}

/// A fault of the message itself.
fn protocol_error(fault: &Fault) -> ErrorData {
    ErrorData::invalid_params(message_with_hint(fault), None)
}

fn message_with_hint(fault: &Fault) -> String {
    fault.advice(HintStyle::Semicolon).into_owned()
}
