//! Sends one exchange. Follows no redirect but one that stays on its origin, takes no proxy from the environment, and ends
//! when its future, or what it gave, is dropped.

use std::cell::OnceCell;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use brains_core::SecretSet;
use brains_core::fault::FaultCause;
use brains_dialect::canon::exchange::Request;
use brains_files::Names;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, LOCATION};
use http::{HeaderMap, Method};
use thread_local::ThreadLocal;
use tokio::time::Instant;
use url::{Host, Url};

use crate::address::is_public;
use crate::error::{EgressError, Phase};
use crate::fill::{self, Secrets};
use crate::install_tls;
use crate::mask::Mask;
use crate::origin::{Grant, covering};
use crate::peer::Peer;
use crate::resolve::{CheckedResolver, Lookup, SystemResolver};
use crate::reuse;
use crate::upstream::Upstream;
use crate::wait::WaitLimits;

/// How many redirects within one origin are followed.
const HOPS: usize = 3;
/// Behind some proxies an answer has more than a hundred.
const HEADERS_MAX: usize = 1_000;
const IDLE: Duration = Duration::from_secs(90);
/// A connection that several requests share may be dead without a word: behind it everything hangs until the silence of each is
/// over. While somebody waits on it, it is asked for a sign of life this often, and given up without one. (Seen behind load
/// balancers: agentgateway/agentgateway#3231, Wei-Shaw/sub2api#6281.)
const PING: Duration = Duration::from_secs(15);
const PING_ANSWER: Duration = Duration::from_secs(10);
const IDLE_PER_HOST: usize = 64;

/// How the clients are set up.
#[derive(Debug, Clone)]
pub struct EgressOptions {
    pub user_agent: String,
    /// Resolves names of hosts; `None` asks the system.
    pub lookup: Option<Arc<dyn Lookup>>,
    /// The system's resolver.
    pub names: Names,
}

impl Default for EgressOptions {
    fn default() -> Self {
        Self {
            user_agent: concat!("brains/", env!("CARGO_PKG_VERSION")).to_owned(),
            lookup: None,
            names: Names::default(),
        }
    }
}

/// One exchange to be sent.
pub struct OutboundCall<'a> {
    /// Name of the provider that is asked, for messages.
    pub provider: &'a str,
    /// As a component described it; its own time limit shortens `silence`.
    pub request: Request,
    /// Stands in for an empty body of `request`.
    pub body: Bytes,
    pub grants: &'a [Grant],
    pub secrets: &'a dyn Secrets,
    /// What the answer must not show: every secret that this or an earlier exchange of the instance may have sent.
    pub known: Arc<SecretSet>,
    /// The longest wait for the head, and between two reads of the body.
    pub silence: Duration,
    /// When everything must be over.
    pub deadline: Instant,
}

impl fmt::Debug for OutboundCall<'_> {
    /// Without the secrets, and without headers and body, which may hold the client's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundCall")
            .field("method", &self.request.method)
            .field("grants", &self.grants)
            .finish_non_exhaustive()
    }
}

/// Clients with a pool each, so that a connection to a private address is never reused for an origin that grants only
/// public ones; and for each one that keeps no connection.
#[derive(Debug)]
struct Clients {
    public: reqwest::Client,
    private: reqwest::Client,
    public_fresh: OnceCell<reqwest::Client>,
    private_fresh: OnceCell<reqwest::Client>,
}

/// Which connections a client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connections {
    Kept,
    Fresh,
}

impl Clients {
    fn new(options: &EgressOptions) -> Result<Self, EgressError> {
        install_tls();
        Ok(Self {
            public: client(options, true, Connections::Kept)?,
            private: client(options, false, Connections::Kept)?,
            public_fresh: OnceCell::new(),
            private_fresh: OnceCell::new(),
        })
    }

    fn of(
        &self,
        options: &EgressOptions,
        private: bool,
        connections: Connections,
    ) -> Result<&reqwest::Client, EgressError> {
        if connections == Connections::Kept {
            return Ok(if private { &self.private } else { &self.public });
        }
        // Few requests need it.
        let fresh = if private { &self.private_fresh } else { &self.public_fresh };
        if let Some(client) = fresh.get() {
            return Ok(client);
        }
        let made = client(options, !private, Connections::Fresh)?;
        Ok(fresh.get_or_init(|| made))
    }
}

fn client(
    options: &EgressOptions,
    public_only: bool,
    connections: Connections,
) -> Result<reqwest::Client, EgressError> {
    let lookup = options.lookup.clone().unwrap_or_else(|| Arc::new(SystemResolver(options.names.clone())));
    let resolver = Arc::new(CheckedResolver { lookup, public_only });
    let idle_per_host = match connections {
        Connections::Kept => IDLE_PER_HOST,
        Connections::Fresh => 0,
    };
    let builder = || {
        reqwest::Client::builder()
            .user_agent(options.user_agent.clone())
            .dns_resolver(resolver.clone())
            .connector_layer(reuse::noting_layer())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .http1_max_headers(HEADERS_MAX)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_mins(1))
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING_ANSWER)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(idle_per_host)
    };
    let built = builder().build().or_else(|_| {
        // A machine without root certificates still reaches its own plain upstreams.
        tracing::warn!("no root certificates found, https upstreams will be refused");
        builder().tls_certs_only([]).build()
    });
    built.map_err(|error| EgressError::Setup { what: error.without_url().to_string() })
}

/// The outbound HTTP client of the process. Each thread keeps connections of its own: the task that reads one wakes the
/// task that waits for it, and on another thread that costs more than the reading.
#[derive(Debug)]
pub struct Egress {
    options: EgressOptions,
    clients: ThreadLocal<Clients>,
}

impl Egress {
    pub fn new(options: EgressOptions) -> Result<Self, EgressError> {
        let clients = ThreadLocal::new();
        // Made here, so that a setup that cannot work fails at the start.
        clients.get_or_try(|| Clients::new(&options))?;
        Ok(Self { options, clients })
    }

    /// Sends the exchange and waits for the head. Dropping the future, or what it gives, ends the exchange at
    /// once: the connection is closed or its stream reset.
    pub async fn send(&self, call: OutboundCall<'_>) -> Result<Upstream, EgressError> {
        let OutboundCall { provider, request, body, grants, secrets, known, silence, deadline } = call;
        let (mut url, mut grant) = fill::url(&request.url, grants, secrets)?;
        let method = fill::method(request.method);
        let mut headers = fill::headers(&request.headers, secrets)?;
        let body = fill::body(request.body, body, &mut headers, secrets)?;
        let silence = match request.timeout_ms {
            Some(limit_ms) => silence.min(Duration::from_millis(limit_ms.into())),
            None => silence,
        };
        let wait = WaitLimits { silence, deadline };
        for _ in 0..=HOPS {
            let peer = Peer::new(provider, &url);
            let hop = Hop {
                peer: &peer,
                method: method.clone(),
                url: url.clone(),
                grant,
                headers: headers.clone(),
                body: body.clone(),
            };
            let response = self.hop(hop, wait).await?;
            if !is_redirect(response.status().as_u16()) {
                return readable(response, &peer).map(|it| Upstream::new(it, peer, Mask::new(known), wait));
            }
            let target = location(&url, response.headers());
            let same =
                target.filter(|target| target.origin() == url.origin() && keeps_method(&method, &response));
            let Some(target) = same else { return Err(EgressError::Redirect { peer }) };
            grant = covering(grants, &target).ok_or_else(|| {
                EgressError::refused(format!("the origin of `{}` has not been granted", peer.host()))
            })?;
            url = target;
        }
        Err(EgressError::Protocol { peer: Peer::new(provider, &url), cause: FaultCause::default() })
    }

    /// Sends one request. The other side may close a connection that was kept just as the next request comes along on it:
    /// when not a byte came back, it is sent once more, on a connection of its own.
    async fn hop(&self, hop: Hop<'_>, wait: WaitLimits) -> Result<reqwest::Response, EgressError> {
        let (peer, host) = (hop.peer, hop.peer.host());
        if !hop.grant.is_private() && literal(&hop.url).is_some_and(|address| !is_public(address)) {
            return Err(EgressError::refused(format!("`{host}` is a private address, which nobody granted")));
        }
        let (until, phase) = wait.next(Phase::Head);
        let sending = async {
            let (answer, reused) = reuse::noting(self.sent(&hop, Connections::Kept)?).await;
            match answer.map_err(|error| EgressError::of(error, peer)) {
                Err(EgressError::Reset { .. }) if reused => {
                    tracing::debug!(host, "a connection that was kept was closed, asking on a fresh one");
                    let answer = self.sent(&hop, Connections::Fresh)?.await;
                    answer.map_err(|error| EgressError::of(error, peer))
                }
                answer => answer,
            }
        };
        match tokio::time::timeout_at(until, sending).await {
            Ok(answer) => answer,
            Err(_) => Err(EgressError::Timeout { peer: peer.clone(), phase }),
        }
    }

    fn sent(
        &self,
        hop: &Hop<'_>,
        connections: Connections,
    ) -> Result<impl Future<Output = reqwest::Result<reqwest::Response>> + Send + use<>, EgressError> {
        let clients = self.clients.get_or_try(|| Clients::new(&self.options))?;
        let client = clients.of(&self.options, hop.grant.is_private(), connections)?;
        let Hop { method, url, headers, body, .. } = hop;
        Ok(client.request(method.clone(), url.clone()).headers(headers.clone()).body(body.clone()).send())
    }
}

/// One request to one address.
struct Hop<'a> {
    peer: &'a Peer,
    method: Method,
    url: Url,
    grant: &'a Grant,
    headers: HeaderMap,
    body: Bytes,
}

/// The response, unless its body is coded in a way that nobody here reads. What is read has been decoded: then it names
/// no coding any more.
fn readable(response: reqwest::Response, peer: &Peer) -> Result<reqwest::Response, EgressError> {
    let coding = response.headers().get(CONTENT_ENCODING).map(|coding| coding.as_bytes().trim_ascii());
    match coding {
        None | Some(b"" | b"identity") => Ok(response),
        Some(_) => Err(EgressError::Coding { peer: peer.clone() }),
    }
}

/// The address in a URL that has no name. `url` has brought odd spellings into one form.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

const fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

fn location(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let target = url.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    (target.username().is_empty() && target.password().is_none()).then_some(target)
}

/// Whether following sends the same request again: anything else would turn it into another one.
fn keeps_method(method: &Method, response: &reqwest::Response) -> bool {
    matches!(response.status().as_u16(), 307 | 308) || matches!(*method, Method::GET | Method::HEAD)
}
