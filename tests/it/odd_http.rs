//! HTTP as some clients and proxies write it, byte by byte: each is answered as the request that it is.

use brains_tests::wire::OPENAI;
use brains_tests::{Brains, Upstream, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATH: &str = "/v1/chat/completions";

async fn started() -> (Upstream, Brains) {
    let upstream = OPENAI.upstream().await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    (upstream, service)
}

fn body(text: &str, stream: bool) -> String {
    let messages = json!([{"role": "user", "content": text}]);
    json!({"model": OPENAI.model(), "stream": stream, "messages": messages}).to_string()
}

/// One connection, and what came on it that nobody read yet.
struct Line {
    socket: TcpStream,
    buffer: Vec<u8>,
}

/// What came as one answer.
struct Told {
    first: String,
    head: String,
    body: String,
}

impl Told {
    fn text(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
    }
}

impl Line {
    async fn open(service: &Brains) -> Self {
        let socket = TcpStream::connect(service.address).await.expect("a connection");
        Self { socket, buffer: Vec::new() }
    }

    async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.expect("sent");
    }

    /// More of what comes; nothing at the end.
    async fn more(&mut self) -> bool {
        within("more of the answer", self.socket.read_buf(&mut self.buffer)).await.expect("read") > 0
    }

    async fn line_end(&mut self, mark: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.buffer).into_owned();
            if let Some(at) = text.find(mark) {
                self.buffer.drain(..at + mark.len());
                return text[..at].to_owned();
            }
            assert!(self.more().await, "the connection ended: {text}");
        }
    }

    async fn exactly(&mut self, size: usize) -> String {
        while self.buffer.len() < size {
            assert!(self.more().await, "the connection ended");
        }
        String::from_utf8(self.buffer.drain(..size).collect()).expect("UTF-8")
    }

    async fn answer(&mut self) -> Told {
        let head = self.line_end("\r\n\r\n").await;
        let (first, head) = head.split_once("\r\n").unwrap_or((&head, ""));
        let (first, head) = (first.to_owned(), head.to_ascii_lowercase());
        let value = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(|value| value.trim().to_owned())
        };
        let mut body = String::new();
        if first.contains(" 100 ") {
        } else if let Some(length) = value("content-length") {
            body = self.exactly(length.parse().expect("a number")).await;
        } else if value("transfer-encoding").is_some() {
            loop {
                let size = self.line_end("\r\n").await;
                let size = usize::from_str_radix(size.trim(), 16).expect("a size");
                let chunk = self.exactly(size + 2).await;
                if size == 0 {
                    break;
                }
                body.push_str(chunk.trim_end_matches("\r\n"));
            }
        } else {
            while self.more().await {}
            body = String::from_utf8(std::mem::take(&mut self.buffer)).expect("UTF-8");
        }
        Told { first, head, body }
    }

    /// Whether the other side closed it, with nothing more to say.
    async fn closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }
}

fn head(service: &Brains, version: &str, more: &str) -> String {
    let (address, key) = (service.address, &service.client.key);
    format!(
        "POST {PATH} {version}\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n{more}\r\n"
    )
}

fn sized(service: &Brains, version: &str, more: &str, body: &str) -> String {
    let length = format!("Content-Length: {}\r\n{more}", body.len());
    format!("{}{body}", head(service, version, &length))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_sent_ahead_are_answered_in_turn() {
    let (upstream, service) = started().await;
    let mut line = Line::open(&service).await;
    let requests = ["one", "two", "three"].map(|text| sized(&service, "HTTP/1.1", "", &body(text, false)));
    line.send(&requests.concat()).await;
    for text in ["one", "two", "three"] {
        let told = line.answer().await;
        assert_eq!((&*told.first, &*told.text()), ("HTTP/1.1 200 OK", &*format!("scripted: {text}")));
    }
    assert_eq!(upstream.seen().len(), 3);
    // A stream between two of them ends where it says.
    let streamed = sized(&service, "HTTP/1.1", "", &body("four", true));
    line.send(&format!("{streamed}{}", sized(&service, "HTTP/1.1", "", &body("five", false)))).await;
    let told = line.answer().await;
    assert!(told.body.ends_with("data: [DONE]\n\n"), "{}", told.body);
    assert_eq!(line.answer().await.text(), "scripted: five");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_pieces_may_have_extensions_and_trailers() {
    let (upstream, service) = started().await;
    let body = body("pieces", false);
    for (trailer, announced) in [("", ""), ("X-Checksum: abc\r\nX-Other: d\r\n", "Trailer: X-Checksum\r\n")] {
        let mut line = Line::open(&service).await;
        let more = format!("{announced}Transfer-Encoding: chunked\r\n");
        line.send(&head(&service, "HTTP/1.1", &more)).await;
        for piece in body.as_bytes().chunks(7) {
            let piece = std::str::from_utf8(piece).expect("ASCII");
            line.send(&format!("{:X};name=\"value\"\r\n{piece}\r\n", piece.len())).await;
        }
        line.send(&format!("0\r\n{trailer}\r\n")).await;
        let told = line.answer().await;
        assert_eq!(told.text(), "scripted: pieces", "{} {}", told.first, told.body);
        assert_eq!(upstream.last().header("x-checksum"), None);
        // What comes behind it is the next request, and not a part of this one.
        line.send(&sized(&service, "HTTP/1.1", "", &self::body("next", false))).await;
        assert_eq!(line.answer().await.text(), "scripted: next");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_before_sending_a_body_is_told_to_go_on_or_why_not() {
    let (_upstream, service) = started().await;
    let body = body("asked", false);
    let more = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", body.len());
    let mut line = Line::open(&service).await;
    line.send(&head(&service, "HTTP/1.1", &more)).await;
    assert_eq!(line.answer().await.first, "HTTP/1.1 100 Continue");
    line.send(&body).await;
    assert_eq!(line.answer().await.text(), "scripted: asked");
    // One who sends it anyway is answered as well.
    line.send(&format!("{}{body}", head(&service, "HTTP/1.1", &more))).await;
    let told = line.answer().await;
    let told = if told.first.contains(" 100 ") { line.answer().await } else { told };
    assert_eq!(told.text(), "scripted: asked");
    // Nobody is asked for a body that is refused unread.
    let large = "Content-Length: 99999999999\r\nExpect: 100-continue\r\n";
    for (head, status) in [
        (head(&service, "HTTP/1.1", &more).replace(&service.client.key, "wrong"), " 401 "),
        (head(&service, "HTTP/1.1", large), " 413 "),
    ] {
        let mut line = Line::open(&service).await;
        line.send(&head).await;
        let told = line.answer().await;
        assert!(told.first.contains(status), "{} {}", told.first, told.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_gets_what_it_can_read() {
    let (_upstream, service) = started().await;
    for stream in [false, true] {
        let mut line = Line::open(&service).await;
        line.send(&sized(&service, "HTTP/1.0", "", &body("old", stream))).await;
        let told = line.answer().await;
        assert!(
            told.first.contains(" 200 ") && !told.head.contains("chunked"),
            "{} {}",
            told.first,
            told.head
        );
        assert!(told.body.contains(if stream { "data: [DONE]" } else { "scripted: old" }), "{}", told.body);
        assert!(line.closed().await, "it asked for no more");
    }
    let mut line = Line::open(&service).await;
    for text in ["kept", "open"] {
        line.send(&sized(&service, "HTTP/1.0", "Connection: keep-alive\r\n", &body(text, false))).await;
        assert_eq!(line.answer().await.text(), format!("scripted: {text}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_may_be_a_whole_address() {
    let (_upstream, service) = started().await;
    let request = sized(&service, "HTTP/1.1", "", &body("whole", false));
    let whole = |host: &str| request.replacen(PATH, &format!("http://{host}{PATH}"), 1);
    let mut line = Line::open(&service).await;
    line.send(&whole(&service.address.to_string())).await;
    assert_eq!(line.answer().await.text(), "scripted: whole");
    // Its host counts, whatever the header says.
    let mut line = Line::open(&service).await;
    line.send(&whole("elsewhere.example")).await;
    let told = line.answer().await;
    assert!(told.first.contains(" 421 "), "{} {}", told.first, told.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn spelling_and_space_do_not_matter_where_http_says_so() {
    let (_upstream, service) = started().await;
    let request = sized(&service, "HTTP/1.1", "Accept-Encoding:\r\n", &body("x", false));
    for odd in [
        format!("\r\n{request}"),
        request.replace("Content-Type", "CONTENT-TYPE").replace("Authorization", "aUTHORIZATION"),
        request
            .replace("Content-Length: ", "Content-Length: \t ")
            .replace("application/json\r", "application/json \t\r"),
        request.replace("Bearer", "bearer"),
        request.replace("application/json", "application/json; charset=utf-8"),
        request.replace("application/json", "Application/JSON"),
        request.replace("Accept-Encoding:", "Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nAccept-Encoding:"),
    ] {
        let mut line = Line::open(&service).await;
        line.send(&odd).await;
        let told = line.answer().await;
        assert_eq!(told.text(), "scripted: x", "{odd:?}: {} {}", told.first, told.body);
    }
}
