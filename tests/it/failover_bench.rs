//! The scenarios of Failover Bench, written anew, for clients of each wire, over upstreams of their own wire and of another:
//! what a caller sees when a provider misbehaves,
//! judged by its rules. A caller is *rescued* when it gets the whole answer; where a cut stream cannot be continued it is
//! *safe*: a clear error within bounds, never a truncated answer that passes for a whole one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brains_tests::caller::Heard;
use brains_tests::upstream::End;
use brains_tests::wire::{ANTHROPIC, OPENAI, RESPONSES, Wire};
use brains_tests::{Answer, Brains, Caller, Reply, Setup, Upstream, until};
use futures_util::future::join_all;
use serde_json::{Value, json};

const POLICY: &str = "retry_max_attempts: 3, retry_initial_backoff_seconds: 0.05, retry_max_backoff_seconds: 4, circuit_failure_threshold: 20";

/// Who asks, and what the upstreams speak: each client's own wire, which is relayed, and one that is translated.
const LANES: [(Caller, Wire); 5] = [
    (Caller::Chat, OPENAI),
    (Caller::Responses, RESPONSES),
    (Caller::Responses, OPENAI),
    (Caller::Messages, ANTHROPIC),
    (Caller::Messages, OPENAI),
];

/// What the caller got.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Rescued,
    Safe,
    /// It looks whole and is not, or it is neither answer nor error.
    Failed(String),
}

/// One client's wire over one upstream's, with upstreams of its own.
struct Lane {
    caller: Caller,
    wire: Wire,
    number: usize,
    primary: Upstream,
    second: Upstream,
    service: Arc<Brains>,
}

/// Sixty words, so that what is missing shows.
fn canonical() -> String {
    (1..=60).map(|at| format!("w{at}")).collect::<Vec<_>>().join(" ")
}

impl Lane {
    /// The answer as a stream: on the wire of chat word by word, elsewhere in two halves.
    fn frames(&self) -> Vec<String> {
        if self.wire.provider == OPENAI.provider { tokens() } else { (self.wire.text_frames)(&canonical()) }
    }

    /// Its beginning: some of the text, and not all.
    fn begun(&self) -> Vec<String> {
        let frames = self.frames();
        let at = frames.iter().position(|frame| frame.contains("w20")).expect("a frame with text");
        frames[..=at].to_vec()
    }

    fn whole(&self) -> Reply {
        self.wire.stream(self.frames())
    }

    async fn ask(&self) -> (Verdict, Answer) {
        let asked = self.caller.question(&format!("brains-pair{}", self.number), true, "x");
        let answer = self.caller.ask(&self.service.client, &asked).await;
        (judge(self.caller, &answer), answer)
    }

    /// One request, of which the primary answers the first attempts like this and every further one healthily.
    async fn scenario(&self, replies: impl IntoIterator<Item = Reply>) -> (Verdict, Answer, Duration) {
        for reply in replies {
            self.primary.then(reply);
        }
        let started = tokio::time::Instant::now();
        let (verdict, answer) = self.ask().await;
        (verdict, answer, started.elapsed())
    }

    /// How often each was called.
    fn calls(&self) -> (usize, usize) {
        let calls = |upstream: &Upstream| upstream.seen().iter().filter(|seen| seen.method == "POST").count();
        (calls(&self.primary), calls(&self.second))
    }

    /// Expects what a caller got and how often each upstream was called since the last time.
    #[track_caller]
    fn check(&self, what: &str, verdict: &Verdict, expected: &Verdict, answer: &Answer) {
        assert_eq!(verdict, expected, "{what}: {self:?}: {} {}", answer.status, answer.text());
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} over {}", self.caller, self.wire.provider)
    }
}

/// The answer word by word, as a stream of chat; the last three frames end it.
fn tokens() -> Vec<String> {
    let delta = |content: &str| {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fb", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]});
        format!("data: {chunk}\n\n")
    };
    let text = canonical();
    let words = text
        .split(' ')
        .enumerate()
        .map(|(at, word)| delta(&if at == 0 { word.to_owned() } else { format!(" {word}") }));
    let finish = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fb", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let usage = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fb", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 60, "total_tokens": 69}});
    words
        .chain([format!("data: {finish}\n\n"), format!("data: {usage}\n\n"), "data: [DONE]\n\n".to_owned()])
        .collect()
}

fn judge(caller: Caller, answer: &Answer) -> Verdict {
    let heard = caller.read(answer);
    let Heard { text, finished, ended, error, .. } = &heard;
    match (error, finished, ended) {
        (Some(_), false, _) => Verdict::Safe,
        (None, true, true) if *text == canonical() || text.contains("scripted: x") => Verdict::Rescued,
        _ => Verdict::Failed(format!("{heard:?}")),
    }
}

/// Every lane over providers of its own, in one service.
async fn bench() -> Vec<Lane> {
    lanes(POLICY, |wire| Box::pin(async move { wire.upstream().await })).await
}

type Started = std::pin::Pin<Box<dyn Future<Output = Upstream> + Send>>;

/// `policy` is that of the primaries, which `primary` starts.
async fn lanes(policy: &str, primary: impl Fn(Wire) -> Started) -> Vec<Lane> {
    let (mut providers, mut models, mut policies) = (Vec::new(), Vec::new(), Vec::new());
    let mut upstreams = Vec::new();
    for (number, (_, wire)) in LANES.iter().enumerate() {
        let pair = (primary(*wire).await, wire.upstream().await);
        for (name, upstream) in [("p", &pair.0), ("s", &pair.1)] {
            let (component, base) = match wire.provider {
                "anthropic" => ("provider-anthropic", upstream.origin()),
                "openai_responses" => ("provider-openai-responses", upstream.base()),
                _ => ("provider-openai", upstream.base()),
            };
            let secret = "secrets: {api_key: sk-upstream-0123456789abcdef}";
            providers.push(format!(
                "  {name}{number}: {{component: {component}, config: {{base_url: \"{base}\"}}, {secret}, timeout_seconds: 1}}\n"
            ));
        }
        models.push(format!(
            "  pair{number}: {{provider: p{number}, model: scripted-1, fallbacks: [{{provider: s{number}, model: scripted-2}}]}}\n"
        ));
        policies.push(format!("  p{number}: {{{policy}}}\n"));
        upstreams.push(pair);
    }
    let config = format!(
        "providers:\n{}models:\n{}provider_policies:\n{}policy: {{component: policy-tiered, config: {{error_rate_limit: 1}}}}\n",
        providers.concat(),
        models.concat(),
        policies.concat()
    );
    let service = Arc::new(Brains::start(Setup::config(config)).await);
    let lane = |(number, ((caller, wire), (primary, second)))| {
        let service = Arc::clone(&service);
        Lane { caller, wire, number, primary, second, service }
    };
    LANES.into_iter().zip(upstreams).enumerate().map(lane).collect()
}

/// Runs a scenario on every lane, side by side.
async fn on_each<'l, T: Future<Output = ()>>(lanes: &'l [Lane], scenario: impl Fn(&'l Lane) -> T) {
    join_all(lanes.iter().map(scenario)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_a_429_with_retry_after_is_waited_for() {
    on_each(&bench().await, async |lane| {
        let replies = [Reply::json(429, "{}").header("retry-after", "2"), lane.whole()];
        let (verdict, answer, took) = lane.scenario(replies).await;
        lane.check("429", &verdict, &Verdict::Rescued, &answer);
        assert_eq!(lane.calls(), (2, 0), "{lane:?}");
        assert!(took >= Duration::from_millis(1_800), "{lane:?}: {took:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s02_s04_s16_a_persistent_refusal_is_neither_hammered_nor_told_as_the_fallbacks() {
    for status in [429, 503] {
        let lanes = bench().await;
        on_each(&lanes, async |lane| {
            let (verdict, answer, _) = lane.scenario((0..10).map(|_| Reply::json(status, "{}"))).await;
            lane.check("refused", &verdict, &Verdict::Rescued, &answer);
            assert_eq!(lane.calls(), (3, 1), "{lane:?}: {status}");
            assert!(answer.text().contains("\"model\":\"scripted-2\""), "{lane:?}: {}", answer.text());
            assert!(
                lane.caller.read(&answer).usage.is_some_and(|(_, output)| output == 7),
                "{}",
                answer.text()
            );
        })
        .await;
        // The failed attempts are not billed.
        until("the ledger", async || {
            let shown = lanes[0].service.client.operation("list_usage", &json!({})).await;
            let lines = shown["usage"].as_array().cloned().unwrap_or_default();
            let of_fallback =
                |line: &Value| line["output_tokens"] == 7 && line["group"].to_string().contains("scripted-2");
            lines.len() == LANES.len() && lines.iter().all(of_fallback)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s03_s05_what_fails_once_is_tried_again_at_the_same_provider() {
    for reply in [Reply::json(500, "{}"), Reply::reset()] {
        on_each(&bench().await, async |lane| {
            let (verdict, answer, _) = lane.scenario([reply.clone(), lane.whole()]).await;
            lane.check("once", &verdict, &Verdict::Rescued, &answer);
            assert_eq!(lane.calls(), (2, 0), "{lane:?}");
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_s07_silence_before_the_first_token_fails_over_after_one_wait() {
    let silences: [fn(&Lane) -> Reply; 3] = [
        |lane| lane.whole().head_delay(Duration::from_mins(2)),
        |lane| lane.wire.stream([""; 0]).end(End::Hang),
        |lane| lane.whole().gap(Duration::from_secs(20)),
    ];
    for silent in silences {
        on_each(&bench().await, async |lane| {
            let (verdict, answer, took) = lane.scenario([silent(lane)]).await;
            lane.check("silence", &verdict, &Verdict::Rescued, &answer);
            assert_eq!(lane.calls(), (1, 1), "{lane:?}");
            assert!(took < Duration::from_secs(15), "{lane:?}: {took:?}");
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_s09_s10_a_stream_that_breaks_off_is_an_error_and_never_an_answer() {
    on_each(&bench().await, async |lane| {
        let cut = |end| lane.wire.stream(lane.begun()).end(end);
        let mut malformed = lane.begun();
        malformed.push("data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\"\n\n".to_owned());
        let malformed = lane.wire.stream(malformed);
        for reply in [cut(End::Cut), cut(End::Reset), cut(End::Clean), cut(End::Hang), malformed] {
            let (verdict, answer, took) = lane.scenario([reply]).await;
            lane.check("cut", &verdict, &Verdict::Safe, &answer);
            assert!(took < Duration::from_secs(15), "{lane:?}: {took:?}");
            let (verdict, answer) = lane.ask().await;
            lane.check("alive afterwards", &verdict, &Verdict::Rescued, &answer);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_whole_stream_without_its_last_frame_is_whole_where_it_said_why_it_stopped() {
    on_each(&bench().await, async |lane| {
        // On the wire of Responses the last frame is what says so.
        if lane.wire.provider == RESPONSES.provider {
            return;
        }
        let mut frames = lane.frames();
        frames.pop();
        let (verdict, answer, took) = lane.scenario([lane.wire.stream(frames)]).await;
        lane.check("no last frame", &verdict, &Verdict::Rescued, &answer);
        assert!(lane.caller.read(&answer).usage.is_some(), "{}", answer.text());
        assert!(took < Duration::from_secs(8), "{lane:?}: {took:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_s13_what_the_request_is_to_blame_for_is_told_and_not_repeated() {
    for code in ["context_length_exceeded", "content_policy_violation"] {
        let lanes = bench().await;
        // Nobody asks for the lists of models afterwards, and takes a scripted reply for one.
        assert_eq!(lanes[0].service.client.get("/v1/models").await.status, 200);
        on_each(&lanes, async |lane| {
            let body =
                json!({"error": {"message": "the reason", "type": "invalid_request_error", "code": code}});
            // Once: the list of models is asked of the same upstream, and a second call would be answered well.
            let (verdict, answer, _) = lane.scenario([Reply::json(400, body.to_string())]).await;
            lane.check(code, &verdict, &Verdict::Safe, &answer);
            assert_eq!(lane.calls(), (1, 0), "{lane:?}");
            assert!(answer.text().contains("the reason"), "{}", answer.text());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_no_half_answer_is_handed_to_another_model_to_finish() {
    on_each(&bench().await, async |lane| {
        let (verdict, answer, _) = lane.scenario([lane.wire.stream(lane.begun()).end(End::Cut)]).await;
        lane.check("half", &verdict, &Verdict::Safe, &answer);
        assert_eq!(lane.calls(), (1, 0), "{lane:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_a_flapping_primary_is_left_and_returned_to() {
    let down = Arc::new(AtomicBool::new(true));
    let primary = |wire: Wire| -> Started {
        let (down, answer) = (Arc::clone(&down), wire.answer);
        Box::pin(Upstream::start(move |seen| {
            if down.load(Ordering::SeqCst) { Reply::json(503, "{}") } else { answer(seen) }
        }))
    };
    let lanes = lanes("circuit_failure_threshold: 2, circuit_cooldown_seconds: 1", primary).await;
    on_each(&lanes, async |lane| {
        let started = tokio::time::Instant::now();
        let mut asked = 0;
        while started.elapsed() < Duration::from_secs(3) {
            let (verdict, answer) = lane.ask().await;
            lane.check("served during the outage", &verdict, &Verdict::Rescued, &answer);
            asked += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Two failures opened it; after that at most one probe per cooldown.
        let sent = lane.calls().0;
        let probes = usize::try_from(started.elapsed().as_secs()).unwrap_or(0);
        assert!(
            sent <= 2 + 1 + probes && sent < asked,
            "{lane:?}: {sent} of {asked} went to a provider that was down"
        );
    })
    .await;
    down.store(false, Ordering::SeqCst);
    on_each(&lanes, async |lane| {
        let primary = format!("p{}", lane.number);
        until("the return to the primary", async || {
            lane.ask().await.1.header("x-brains-provider") == primary
        })
        .await;
        assert_eq!(lane.ask().await.1.header("x-brains-attempts"), "1");
    })
    .await;
}
