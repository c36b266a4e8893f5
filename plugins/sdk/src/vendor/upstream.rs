//! One vendor's address, its key, and what else goes to it with every exchange; and what is wrong with the settings that
//! say so.

use brains_dialect::canon::CallContext;
use brains_dialect::canon::catalogue::{Model, Page};

use crate::host;
use crate::wire::{Address, Exchange};

/// Headers that are the host's, or whose text must be a secret.
const RESERVED: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
    "upgrade",
    "te",
];

/// Where a vendor answers and what it is sent. Settings that cannot work are collected, and [`checked`](Self::checked) lists
/// them all.
///
/// ```
/// use brains_sdk::canon::CallContext;
/// use brains_sdk::vendor::Upstream;
///
/// let upstream = Upstream::new("https://api.vendor.example/v1").header("x-region", "eu").bearer("api_key");
/// let request = upstream.checked().unwrap().get("/models", "", &CallContext::default()).into_request();
/// let sent: Vec<&str> = request.headers.iter().map(|header| header.name.as_str()).collect();
/// assert!(sent.is_empty(), "the key goes where `signed` says");
///
/// let wrong = Upstream::new("api.vendor.example").header("Cookie", "a=b").checked().unwrap_err();
/// assert_eq!(wrong[0], "base_url: `api.vendor.example` is no http or https address");
/// assert_eq!(wrong[1], "headers: `Cookie` cannot be set here");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    base_url: String,
    address: Address,
    credential: Option<Credential>,
    headers: Vec<Sent>,
    models: Vec<String>,
    problems: Vec<String>,
}

/// A header of the settings, and the setting that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    setting: String,
    name: String,
    value: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Credential {
    header: String,
    scheme: &'static str,
    /// The secret's name; none when it is not set, so that only its header is taken.
    secret: Option<String>,
}

impl Upstream {
    /// `base_url` as the vendor prints it. A query in it is kept.
    pub fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            address: Address::new(base_url),
            credential: None,
            headers: Vec::new(),
            models: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Sends this secret as a bearer token. Give it only when [`has_secret`](host::has_secret) says so.
    #[must_use]
    pub fn bearer(self, secret: &str) -> Self {
        self.credential("authorization", "Bearer ", Some(secret))
    }

    /// Sends this secret as a bearer token when it is set and granted, else no credential.
    #[must_use]
    pub fn bearer_if_set(self, secret: &str) -> Self {
        self.credential("authorization", "Bearer ", Some(secret).filter(|it| host::has_secret(it)))
    }

    /// Sends this secret as a header of its own. Give it only when [`has_secret`](host::has_secret) says so.
    #[must_use]
    pub fn key(self, header: &str, secret: &str) -> Self {
        self.credential(header, "", Some(secret))
    }

    /// Sends this secret as a header of its own when it is set and granted, else no credential.
    #[must_use]
    pub fn key_if_set(self, header: &str, secret: &str) -> Self {
        self.credential(header, "", Some(secret).filter(|it| host::has_secret(it)))
    }

    /// Sends this secret in a header that the settings name, when it is set and granted: as a bearer token in `authorization`,
    /// by itself in any other.
    ///
    /// ```
    /// use brains_sdk::vendor::Upstream;
    ///
    /// let upstream = |header: &str| Upstream::new("https://api.vendor.example/v1").key_in(header, "api_key").checked();
    /// assert!(upstream("Authorization").is_ok() && upstream("api-key").is_ok());
    /// assert_eq!(upstream("host").unwrap_err(), ["key_header: `host` cannot carry a key"]);
    /// ```
    #[must_use]
    pub fn key_in(mut self, header: &str, secret: &str) -> Self {
        let header = header.to_ascii_lowercase();
        if header == "authorization" {
            return self.bearer_if_set(secret);
        }
        if !is_name(&header) || RESERVED.contains(&header.as_str()) {
            self.problems.push(format!("key_header: `{header}` cannot carry a key"));
        }
        self.key_if_set(&header, secret)
    }

    fn credential(mut self, header: &str, scheme: &'static str, secret: Option<&str>) -> Self {
        let secret = secret.map(str::to_owned);
        self.credential = Some(Credential { header: header.to_owned(), scheme, secret });
        self
    }

    /// Adds this parameter to every address, when a setting says something.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.address.add_parameter(name, value);
        }
        self
    }

    /// Sends this header too.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.header_of(name, name, Some(value))
    }

    /// Sends what a setting says, when it says something, as this header.
    #[must_use]
    pub fn header_of(mut self, setting: &str, name: &str, value: Option<&str>) -> Self {
        let sent = |value: &str| Sent {
            setting: setting.to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
        };
        self.headers.extend(value.map(sent));
        self
    }

    /// Sends these headers too, as an operator wrote them.
    #[must_use]
    pub fn headers<'a>(self, headers: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        headers.into_iter().fold(self, |upstream, (name, value)| upstream.header(name, value))
    }

    /// The models, for vendors that do not list them.
    #[must_use]
    pub fn models(mut self, models: &[String]) -> Self {
        models.clone_into(&mut self.models);
        self
    }

    /// An address that ends in one of these paths is the endpoint instead of what it lies below: a problem.
    #[must_use]
    pub fn without(mut self, endpoints: &[&str]) -> Self {
        let path = self.base_url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        if let Some(endpoint) = endpoints.iter().find(|endpoint| path.ends_with(**endpoint)) {
            let problem =
                format!("base_url: `{}` must not end in `{endpoint}`, which is added", self.base_url);
            self.problems.push(problem);
        }
        self
    }

    /// Lists this among the problems.
    #[must_use]
    pub fn problem(mut self, problem: String) -> Self {
        self.problems.push(problem);
        self
    }

    /// Everything that a schema lets pass and that cannot work.
    pub fn checked(mut self) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        problems.extend(address_problem(&self.base_url));
        problems.append(&mut self.problems);
        for header in &mut self.headers {
            let Sent { setting, name, value } = header;
            name.make_ascii_lowercase();
            let is_key = self.credential.as_ref().is_some_and(|it| it.header == *name);
            if !is_name(name) {
                problems.push(format!("headers: `{setting}` is no name of a header"));
            } else if is_key || RESERVED.contains(&name.as_str()) {
                problems.push(format!("headers: `{setting}` cannot be set here"));
            }
            if value.chars().any(char::is_control) {
                problems.push(format!("{setting}: the value holds control characters"));
            }
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// An exchange that reads.
    pub fn get(&self, path: &str, query: &str, ctx: &CallContext) -> Exchange {
        self.address.get(path, query, ctx)
    }

    /// An exchange that sends something.
    pub fn post(&self, path: &str, query: &str, ctx: &CallContext) -> Exchange {
        self.address.post(path, query, ctx)
    }

    /// The models that the settings name; `None` when the vendor is asked for them.
    pub fn named_models(&self) -> Option<Page> {
        let model = |id: &String| Model { id: id.clone(), ..Model::default() };
        (!self.models.is_empty())
            .then(|| Page { models: self.models.iter().map(model).collect(), next: None })
    }
}

/// Whether this is the name of a header.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Why nothing can be reached at this address.
fn address_problem(base_url: &str) -> Option<String> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| base_url.strip_prefix(scheme));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':'])) else {
        return Some(format!("base_url: `{base_url}` is no http or https address"));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        // Whatever stands there may be a secret.
        return Some("base_url: it holds a user or a password; give the key as a secret".to_owned());
    }
    if base_url.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return Some(format!("base_url: `{}` holds white space", base_url.trim()));
    }
    if base_url.contains('#') {
        return Some(format!("base_url: `{base_url}` has a fragment, which is never sent"));
    }
    let port = authority.rsplit_once(':').filter(|(host, _)| !host.starts_with('[') || host.ends_with(']'));
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    port.is_some_and(|(_, port)| !is_port(port)).then(|| format!("base_url: `{base_url}` has no such port"))
}

impl Exchange {
    /// Sends the vendor's key and the headers of its settings.
    #[must_use]
    pub fn signed(self, upstream: &Upstream) -> Self {
        let exchange = match &upstream.credential {
            Some(Credential { header, scheme, secret: Some(secret) }) => self.secret(header, scheme, secret),
            Some(Credential { secret: None, .. }) | None => self,
        };
        upstream.headers.iter().fold(exchange, |exchange, it| exchange.header(&it.name, &it.value))
    }
}
