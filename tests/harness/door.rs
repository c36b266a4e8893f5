//! The doors by which an operation is reached: HTTP, MCP and the command line. What is asked is the operation's input in
//! JSON; the words of the command are made from the registry, so that a table of calls has no second spelling.

use std::path::Path;

use brains_control::OperationEntry;
use serde_json::Value;

use crate::client::Client;
use crate::mcp;
use crate::team::Team;

/// A door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Http,
    Mcp,
    Cli,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Done,
    /// Known, but not allowed.
    Forbidden,
    /// Not there, or not to be seen.
    Absent,
    /// In the way of something.
    Conflict,
    /// Refused by a door that tells codes only.
    Refused,
    /// Anything else: a call that was not understood, a failure.
    Odd,
}

/// What a call came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub end: End,
    /// The answer, when it was done and is JSON.
    pub value: Value,
    /// The code of the refusal.
    pub code: String,
    /// Everything that was said.
    pub text: String,
}

impl Outcome {
    fn of(end: End, answer: &Value, text: String) -> Self {
        let code = answer["error"]["code"].as_str().unwrap_or_default().to_owned();
        let value = if end == End::Done { answer.clone() } else { Value::Null };
        Self { end, value, code, text }
    }
}

impl Door {
    pub const ALL: [Self; 3] = [Self::Http, Self::Mcp, Self::Cli];

    /// Calls an operation of the team's first service with `key`. A `session_token` in the input says who acts.
    pub async fn call(self, team: &Team, key: &str, entry: &OperationEntry, input: &Value) -> Outcome {
        match self {
            Self::Http => http(&team.admin().with_key(key), entry, input).await,
            Self::Mcp => over_mcp(&team.services[0].mcp.with_key(key), entry, input).await,
            Self::Cli => by_command(team, key, entry, input).await,
        }
    }
}

async fn http(client: &Client, entry: &OperationEntry, input: &Value) -> Outcome {
    let answer = client.post(&format!("/api/ops/{}", entry.name), input.to_string()).await;
    let end = match answer.status {
        200 => End::Done,
        403 => End::Forbidden,
        404 => End::Absent,
        409 => End::Conflict,
        _ => End::Odd,
    };
    Outcome::of(end, &answer.json(), answer.text())
}

async fn over_mcp(client: &Client, entry: &OperationEntry, input: &Value) -> Outcome {
    let reply = mcp::call(client, entry.name, input.clone()).await;
    let result = &reply["result"];
    if result["isError"] == false {
        return Outcome::of(End::Done, &result["structuredContent"], reply.to_string());
    }
    let said = result["content"][0]["text"].as_str().and_then(|text| serde_json::from_str(text).ok());
    let end = if said.is_some() { End::Refused } else { End::Odd };
    Outcome::of(end, &said.unwrap_or_default(), reply.to_string())
}

async fn by_command(team: &Team, key: &str, entry: &OperationEntry, input: &Value) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let words = words(entry, input, folder.path());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = team.run_as(key, &words).await;
    let end = match output.status.code() {
        Some(0) => End::Done,
        Some(3) => End::Absent,
        Some(4) => End::Conflict,
        Some(5) => End::Forbidden,
        _ => End::Odd,
    };
    let said = if end == End::Done { &output.stdout } else { &output.stderr };
    // What prints lines rather than one answer is no JSON.
    let answer = serde_json::from_slice(said).unwrap_or_default();
    Outcome::of(end, &answer, format!("{words:?}: {}", String::from_utf8_lossy(said)))
}

/// The command that stands for a call; what it takes as a file is written into `folder`.
pub fn words(entry: &OperationEntry, input: &Value, folder: &Path) -> Vec<String> {
    let mut words: Vec<String> = entry.cli.path.iter().map(|word| (*word).to_owned()).collect();
    for field in entry.fields() {
        let Some(value) = input.get(&field.name).filter(|value| !value.is_null()) else { continue };
        let text = if field.file {
            let path = folder.join(&field.name);
            fs_err::write(&path, value.to_string()).expect("written");
            path.display().to_string()
        } else {
            spelled(value)
        };
        words.push(if field.positional { text } else { format!("--{}={text}", field.flag()) });
    }
    words.extend(entry.cli.confirm.map(|_| "--yes".to_owned()));
    words.push("--json".into());
    words
}

fn spelled(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(spelled).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
