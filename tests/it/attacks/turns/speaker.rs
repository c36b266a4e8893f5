//! An agent with a session, by one of the ways to prove that it is its own.

use brains_tests::client::Client;
use brains_tests::mcp::{self, Connection};
use brains_tests::team::Team;
use serde_json::{Value, json};

use super::post;

/// How a session is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Its token, over HTTP.
    Token,
    /// The native id of its program, over HTTP.
    Native,
    /// The connection that started it.
    Connection,
    /// Its token, over MCP without connections.
    Stateless,
    /// Its token, known to the command line of whoever holds the admin key.
    Command,
}

impl How {
    pub(super) const ALL: [Self; 5] =
        [Self::Token, Self::Native, Self::Connection, Self::Stateless, Self::Command];
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    /// The answer, or the error.
    pub(super) value: Value,
    pub(super) done: bool,
    /// Whether it was told as one from before.
    pub(super) replayed: bool,
}

impl Said {
    pub(super) fn code(&self) -> &str {
        self.value["code"].as_str().unwrap_or_default()
    }
}

/// One agent.
#[derive(Debug)]
pub(super) struct Speaker {
    how: How,
    client: Client,
    mcp: Client,
    connection: Option<Connection>,
    native: String,
    pub(super) session: String,
    pub(super) token: String,
}

impl Speaker {
    /// An agent with a session in `app`, with the key of `client` and `mcp`; `number` tells it from others.
    pub(super) async fn begin(how: How, client: &Client, mcp: &Client, number: usize) -> Self {
        let connection = if how == How::Connection { Some(Connection::open(mcp).await) } else { None };
        let mut speaker = Self {
            how,
            client: client.clone(),
            mcp: mcp.clone(),
            connection,
            native: format!("native-{number}"),
            session: String::new(),
            token: String::new(),
        };
        let input = json!({ "workspace": "app", "tool": "turns" });
        let started = if let Some(connection) = &speaker.connection {
            mcp::structured(&connection.call("start_session", input).await)
        } else {
            let native = [("x-session-id", speaker.native.as_str())];
            let headers = if how == How::Native { &native[..] } else { &[] };
            post(&speaker.client, "start_session", &input, headers).await.json()
        };
        let text = |name: &str| started[name].as_str().expect("a session").to_owned();
        (speaker.session, speaker.token) = (text("session_id"), text("session_token"));
        speaker
    }

    /// Calls as its session, under an idempotency key.
    pub(super) async fn says(&self, team: &Team, name: &str, input: &Value, key: &str) -> Said {
        let mut input = input.clone();
        input["idempotency_key"] = key.into();
        match self.how {
            How::Token => self.http(name, &input, "x-brains-session-token", &self.token).await,
            How::Native => self.http(name, &input, "x-session-id", &self.native).await,
            How::Connection => {
                let connection = self.connection.as_ref().expect("a connection");
                of_reply(&connection.call(name, input).await)
            }
            How::Stateless => {
                let params = json!({ "name": name, "arguments": input });
                let request = mcp::stateless(&self.mcp, "/mcp", "tools/call", params)
                    .header("x-brains-session-token", &self.token);
                of_reply(&mcp::reply(&Client::send(request).await))
            }
            How::Command => {
                let folder = tempfile::tempdir().expect("a folder");
                let registry = brains_control::Registry::new();
                let entry = registry.find(name).expect("an operation");
                if entry.by_session {
                    input["session_token"] = self.token.clone().into();
                }
                let words = brains_tests::door::words(entry, &input, folder.path());
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let output = team.run(&words).await;
                let done = output.status.success();
                let beside = String::from_utf8_lossy(&output.stderr).into_owned();
                // A line about mail may stand before an error.
                let error = beside.find('{').and_then(|at| beside.get(at..)).unwrap_or_default();
                let told = if done { &*output.stdout } else { error.as_bytes() };
                let value: Value = serde_json::from_slice(told).unwrap_or_default();
                Said {
                    value: if done { value } else { value["error"].clone() },
                    done,
                    replayed: done && beside.contains("done before"),
                }
            }
        }
    }

    async fn http(&self, name: &str, input: &Value, header: &str, proof: &str) -> Said {
        let answer = post(&self.client, name, input, &[(header, proof)]).await;
        let done = answer.status == 200;
        let value = answer.json();
        Said {
            value: if done { value } else { value["error"].clone() },
            done,
            replayed: answer.header("x-brains-replayed") == "true",
        }
    }
}

fn of_reply(reply: &Value) -> Said {
    let result = &reply["result"];
    let done = result["isError"] == false;
    Said {
        value: if done { mcp::structured(reply) } else { mcp::refused(reply) },
        done,
        replayed: result["_meta"]["brains/replayed"] == true,
    }
}
