//! A token that a command of the operator's machine gives: run for a few seconds, with nothing to read from, and believed only
//! when it says one word.

use std::process::Stdio;
use std::time::Duration;

use brains_core::Secret;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

const TIME: Duration = Duration::from_secs(5);
/// No token is longer.
const TOKEN_BYTES: u64 = 16 << 10;

/// What the command says; an error says why nothing is taken from it, and nothing of what it said.
pub(super) async fn token(command: &[String]) -> Result<Secret, String> {
    let (program, arguments) = command.split_first().ok_or("it is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.kind().to_string())?;
    let output = child.stdout.take().ok_or("it says nothing")?;
    let said = async {
        let mut text = String::new();
        output.take(TOKEN_BYTES).read_to_string(&mut text).await.map_err(|error| error.kind().to_string())?;
        let status = child.wait().await.map_err(|error| error.kind().to_string())?;
        if status.success() { Ok(text) } else { Err(format!("it ended with {status}")) }
    };
    let text = tokio::time::timeout(TIME, said).await.map_err(|_| "it took too long".to_owned())??;
    let word = text.trim();
    if word.is_empty() || word.contains(char::is_whitespace) {
        return Err("it said no single word".to_owned());
    }
    Ok(Secret::new(word))
}

#[cfg(test)]
mod tests {
    use super::token;

    async fn of(script: &str) -> Result<String, String> {
        let command = ["sh", "-c", script].map(str::to_owned);
        token(&command).await.map(|secret| secret.expose().to_owned())
    }

    #[tokio::test]
    async fn one_word_is_a_token_and_nothing_else_is() {
        assert_eq!(of("echo gho_abc").await.as_deref(), Ok("gho_abc"));
        for script in ["true", "echo two words", "echo gho_abc; exit 1", "exec yes x"] {
            let refused = of(script).await.unwrap_err();
            assert!(!refused.contains("gho_abc"), "{refused}");
        }
        assert!(token(&["/nowhere/such-a-program".to_owned()]).await.is_err());
        assert!(token(&[]).await.is_err());
    }
}
