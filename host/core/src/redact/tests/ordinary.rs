//! What people and agents write every day, and what must come through as it is: a text that is covered where nothing
//! was secret is work that is lost.

use super::*;

/// Of many sorts, a line or a few each.
const ORDINARY: [&str; 63] = [
    // Commits, digests, locks of dependencies.
    "Fixed in da39a3ee5e6b4b0d3255bfef95601890afd80709, see also 5f2c1e9.",
    "git cherry-pick 8d777f385d3dfec8815d20f7496026dcb1a3d2d5..c0ffee254729296a45a3885639ac7e10f9d54979",
    "checksum = \"4b46cbb362ab8752921c97e041f5e366ee6297bd428a31275b9fcf1e380f7299\"",
    "image: ghcr.io/acme/app@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "FROM alpine@sha256:c5b1261d6d3e43071626931fc004f70149baeba2c8ec672bd4f27761f8e1ad6b",
    "sha256 of the release is 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae  dist/app.tar.gz",
    "d41d8cd98f00b204e9800998ecf8427e *empty.bin",
    "md5: d41d8cd98f00b204e9800998ecf8427e",
    "etag: \"9e107d9d372bb6826bd81d3542a419d6\"",
    "\"integrity\": \"sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==\"",
    "github.com/stretchr/testify v1.9.0 h1:HtqpIVDClZ4nwg75+f6Lvsy/wHu+3BoSGCbBAcpTsTg=",
    "/nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello-2.12.1/bin/hello",
    "<script src=\"/a.js\" integrity=\"sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC\"></script>",
    // Names of things.
    "task 0192f0a1-7b3c-7def-8a12-3456789abcde and session ses_01jd3v8x9qf5k2m7n4p6r8s0tz",
    "{\"id\":\"chatcmpl-01jd3v8x9qf5k2m7n4p6r8s0tz\",\"object\":\"chat.completion\"}",
    "arn:aws:iam::123456789012:role/service-role/my-lambda-execution-role-in-production",
    "projects/my-project-123456/locations/europe-west1/keyRings/ring-one/cryptoKeys/key-one",
    "target/debug/deps/brains_control-3f2a9c1e5b2d8046.rlib",
    "node_modules/.pnpm/@babel+helper-plugin-utils@7.24.0/node_modules/@babel/helper-plugin-utils",
    "src/components/UserAccountSettings/__tests__/UserAccountSettingsForm.integration.test.tsx",
    "migrations/20240115093042_add_index_to_organization_membership_invitations.sql",
    "C:\\Users\\someone\\AppData\\Local\\Programs\\Microsoft VS Code\\resources\\app\\out\\cli.js",
    "dist/assets/index-BdfG34h1.js and dist/assets/vendor-C9kZ0xYq.css",
    // Addresses.
    "https://github.com/rust-lang/rust/blob/da39a3ee5e6b4b0d3255bfef95601890afd80709/library/core/src/lib.rs#L10-L20",
    "https://docs.python.org/3/library/urllib.parse.html?highlight=quote#urllib.parse.quote",
    "https://example.com/search?q=how+to+rotate+an+api+key&page=2&sort=asc",
    "https://youtu.be/dQw4w9WgXcQ?t=42",
    "https://figma.com/file/abc/My-Design?node-id=12-345&mode=dev",
    "git@github.com:acme/web.git and ssh://git@host.example:2222/acme/web.git",
    "redis://localhost:6379/0, amqp://localhost, mongodb://db.internal:27017/app?replicaSet=rs0",
    // Prose about secrets that holds none.
    "Rotate the API key of the staging gateway and tell ops; the token lives in the vault under team/web.",
    "The password field must not be logged. Password: minimum 12 characters.",
    "Move `Authorization: Bearer <token>` into a helper",
    "Set OPENAI_API_KEY in .env (never commit it)",
    "The access token expires after 15 minutes; the refresh token is kept in an http-only cookie.",
    "bearer of bad news, basic authentication, digest auth and token bucket",
    "Add a secrets section to the docs: how keys are made, listed and revoked",
    "the signature does not match; check the signing secret",
    // Code.
    "fn token(&self) -> Option<&Token> { self.tokens.get(self.position) }",
    "let password = prompt(\"Password\")?;",
    "const token = await getToken();",
    "if (user.password === undefined) throw new Error('password is required');",
    "password = os.environ[\"DB_PASSWORD\"]",
    "api_key=settings.api_key,",
    "token: string;\n  secret?: string;",
    "#[serde(default, skip_serializing_if = \"Option::is_none\")]\npub cost_usd: Option<f64>,",
    "select id, password_hash from users where email = $1",
    "assert_eq!(tokens, vec![Token::Number(1), Token::Plus, Token::Number(2)]);",
    "for (key, value) in pairs { map.insert(key, value); }",
    "struct AuthenticationTokenProviderConfigurationBuilder<'a> { inner: &'a Inner }",
    "0x7fffffffffffffff, 0xdeadbeefcafebabe, 1_000_000, 3.141592653589793238462643383279",
    "\\frac{\\partial^2 u}{\\partial t^2} = c^2 \\nabla^2 u",
    "^(?:[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*)@example\\.com$",
    // Logs, tables, Markdown.
    "thread 'main' panicked at src/main.rs:42:13: index out of bounds: the len is 3 but the index is 3",
    "2026-11-24T00:15:00.000Z WARN brains::gateway upstream answered 503 trace=trace_01jd3v8x9qf5k2m7n4p6r8s0tz",
    "| key | default | meaning |\n|---|---|---|\n| `max_tokens` | 4096 | longest answer |",
    "- [x] write tests\n- [ ] update `docs/security.md`\n\n```sh\ncargo test -p brains-core -- redact\n```",
    "    at Object.<anonymous> (/app/node_modules/express/lib/router/layer.js:95:5)",
    "error[E0308]: mismatched types expected `Option<&str>`, found `Option<Cow<'_, str>>`",
    "![logo](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==)",
    "background: url(data:font/woff2;base64,d09GMgABAAAAAAOkAA4AAAAACHwAAANQAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGkIbCBwqBmAAghkRCAoBAAs)",
    "Привет, мир — 你好，世界 — مرحبا بالعالم — 🙂🙂🙂",
];

#[test]
fn ordinary_texts_stay() {
    let harmed: Vec<String> = ORDINARY
        .iter()
        .filter(|text| redact(text) != **text)
        .map(|text| format!("{text}\n  became {}", redact(text)))
        .collect();
    assert!(harmed.is_empty(), "{} of {}:\n{}", harmed.len(), ORDINARY.len(), harmed.join("\n"));
    // One after another, too: what stands before a text says nothing of it.
    let all = ORDINARY.join("\n\n");
    assert_eq!(redact(&all), all);
    assert_eq!(
        redact(&json!({ "body": all.as_str() }).to_string()),
        json!({ "body": all.as_str() }).to_string()
    );
}

#[test]
fn what_only_looks_ordinary_is_covered() {
    for text in [
        format!("data:text/plain;base64,{}+{}/{}==", ordinary(20), ordinary(15), ordinary(12)),
        format!("data:image/png and then ;base64, {}", ordinary(40)),
        format!("the digest of it all is that my key is {HEX}"),
        format!("password checksum={HEX}").replace("checksum", "hash"),
        format!("api_key: sha256 {HEX} no, Bearer {}", ordinary(40)),
        format!("commit\n{}", ordinary(40)),
    ] {
        assert!(redact(&text).contains(COVER), "{text}");
    }
}
