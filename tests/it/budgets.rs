//! Budgets through the program: each wire's clients are told in their own words, an automatic request goes to a cheaper tier,
//! what nobody prices is not free, and however many clients ask however many processes, of which some die, nothing is admitted
//! beyond the limit.

mod processes;

use brains_tests::guide::{Shell, blocks, document};
use brains_tests::upstream::now_seconds;
use brains_tests::wire::OPENAI;
use brains_tests::{Answer, Brains, Caller, Reply, Upstream, until};
use serde_json::{Value, json};

/// Dollars per million tokens, so that a token of a prompt costs a micro-dollar and one of an answer two.
const PRICES: &str =
    "prices: {openai_compatible: {scripted-1: {input: 1, output: 2}, scripted-2: {input: 0.1, output: 0.2}}}";

/// A whole answer that used so many tokens.
fn used(input: u64, output: u64) -> Reply {
    let body = json!({
        "id": "c1", "object": "chat.completion", "created": 1, "model": "scripted-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
    });
    Reply::json(200, body.to_string())
}

async fn service(upstream: &Upstream, spending: &str) -> Brains {
    Brains::start(OPENAI.setup(upstream).and(PRICES).and(spending)).await
}

async fn ask(service: &Brains, caller: Caller, model: &str) -> Answer {
    let mut question = caller.question(model, false, "hi");
    let limit = if caller == Caller::Responses { "max_output_tokens" } else { "max_tokens" };
    question[limit] = json!(1_000);
    caller.ask(&service.client, &question).await
}

async fn budgets(service: &Brains) -> Vec<Value> {
    let listed = service.client.operation("list_budgets", &json!({})).await;
    listed["budgets"].as_array().expect("budgets").clone()
}

/// Waits until nothing is reserved any more, and gives what is spent.
async fn settled(service: &Brains) -> Value {
    until("everything is settled", async || {
        budgets(service).await.iter().all(|line| line["reserved_tokens"] == 0)
    })
    .await;
    budgets(service).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wire_says_in_its_own_words_that_a_budget_is_used_up() {
    let upstream = OPENAI.upstream().await;
    let service = service(
        &upstream,
        "spending: {team: {per: operator, window: month, zone: Europe/Berlin, limit_tokens: 2000}}",
    )
    .await;
    upstream.then(used(500, 100));
    let answer = ask(&service, Caller::Messages, &OPENAI.model()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("anthropic-ratelimit-unified-status"), "allowed");
    assert_eq!(answer.header("anthropic-ratelimit-unified-overage-utilization"), "0.000");
    assert!(answer.header("x-brains-budget").starts_with("team: 0.0% used, 2000 tokens left, until "));
    settled(&service).await;

    // 600 are spent; of the 1,400 that are left a request may take 1,000.
    upstream.then(used(1_000, 20));
    let answer = ask(&service, Caller::Chat, &OPENAI.model()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("x-brains-budget").starts_with("team: 30.0% used, 1400 tokens left"));
    assert_eq!(answer.header("anthropic-ratelimit-unified-status"), "", "is nothing that these clients know");
    assert_eq!(settled(&service).await["spent_tokens"], 1_620);

    let calls = upstream.seen().len();
    for caller in Caller::ALL {
        let answer = ask(&service, caller, &OPENAI.model()).await;
        assert_eq!(answer.status, 429, "{caller:?} {}", answer.text());
        assert_eq!(answer.header("x-should-retry"), "false", "{caller:?}");
        let wait: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((1..=31 * 86_400 + 3_600).contains(&wait), "{caller:?} {wait}");
        let error = caller.read(&answer).error.expect("an error");
        let words = "the budget `team` has no room for this request: 1620 of 2000 tokens are used, and it may take up to ";
        assert!(
            error.message.starts_with(words) && error.message.contains("begins anew at "),
            "{}",
            error.message
        );
        match caller {
            Caller::Messages => {
                assert_eq!(error.kind, "billing_error");
                assert_eq!(answer.header("anthropic-ratelimit-unified-status"), "rejected");
                assert_eq!(answer.header("anthropic-ratelimit-unified-overage-status"), "rejected");
                assert_eq!(answer.header("anthropic-ratelimit-unified-representative-claim"), "overage");
                assert_eq!(answer.header("anthropic-ratelimit-unified-overage-surpassed-threshold"), "0.800");
                let reset: i64 = answer.header("anthropic-ratelimit-unified-reset").parse().expect("seconds");
                let told = now_seconds() + wait;
                assert!(told.abs_diff(u64::try_from(reset).expect("later")) <= 5, "{reset} {told}");
            }
            Caller::Chat | Caller::Responses => {
                assert_eq!((&*error.kind, &*error.code), ("insufficient_quota", "insufficient_quota"));
            }
        }
    }
    // A stream is refused before it begins.
    let mut question = Caller::Messages.question(&OPENAI.model(), true, "hi");
    question["max_tokens"] = json!(1_000);
    let answer = Caller::Messages.ask(&service.client, &question).await;
    assert_eq!((answer.status, answer.header("content-type")), (429, "application/json"));
    assert_eq!(upstream.seen().len(), calls, "nobody was called");

    // A shorter answer has room, and takes more than it said: the next one sees that.
    question["max_tokens"] = json!(100);
    question["stream"] = json!(false);
    upstream.then(used(390, 10));
    let answer = Caller::Messages.ask(&service.client, &question).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("anthropic-ratelimit-unified-status"), "allowed_warning");
    assert_eq!(settled(&service).await["spent_tokens"], 2_020);
    let answer = Caller::Messages.ask(&service.client, &question).await;
    let error = Caller::Messages.read(&answer).error.expect("an error");
    assert!(
        error.message.starts_with("the budget `team` is used up: 2020 of 2000 tokens; it begins anew"),
        "{}",
        error.message
    );

    // Refusals are in the traces, and nothing of them is in the ledger.
    let usage = service.client.operation("list_usage", &json!({})).await;
    assert_eq!(usage["total"]["requests"], 3);
    let spent = service.client.operation("get_usage", &json!({})).await;
    assert_eq!(
        (&spent["budgets"][0]["name"], &spent["budgets"][0]["left_tokens"]),
        (&json!("team"), &json!(0))
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_what_is_left_for_a_moment_is_waited_for() {
    let upstream = OPENAI.upstream().await;
    let service =
        service(&upstream, "spending: {team: {per: operator, window: day, limit_usd: 0.003}}").await;
    upstream.then(used(10, 10).head_delay(std::time::Duration::from_mins(5)));
    let model = OPENAI.model();
    let mut first = Box::pin(ask(&service, Caller::Chat, &model));
    let holds = async || !upstream.seen().is_empty() && budgets(&service).await[0]["reserved_tokens"] != 0;
    tokio::select! {
        answer = &mut first => panic!("nobody answered, and yet {}", answer.text()),
        () = until("the call", holds) => {
            let answer = ask(&service, Caller::Chat, &OPENAI.model()).await;
            let error = Caller::Chat.read(&answer).error.expect("an error");
            assert_eq!((answer.status, &*error.code, answer.header("retry-after")), (429, "budget_reserved", "1"));
            assert_ne!(answer.header("x-should-retry"), "false");
        }
    }
    // Its client leaves: what was reserved is settled with what was guessed.
    drop(first);
    let line = settled(&service).await;
    assert!(line["spent_usd"].as_f64().expect("an amount") > 0.0, "{line}");
    assert_eq!(ask(&service, Caller::Chat, &OPENAI.model()).await.status, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn near_the_limit_a_request_that_names_no_model_goes_to_the_cheaper_tier() {
    let upstream = OPENAI.upstream().await;
    let tiers = "models: {cheap: {provider: openai_compatible, model: scripted-2}, \
                 default: {provider: openai_compatible, model: scripted-1}, deep: {provider: openai_compatible, model: scripted-1}}\n\
                 routes: {trivial: deep, unknown: deep, code_fix: deep, code_explanation: deep, architecture: deep, docs_lookup: deep, research: deep}\n";
    let spending = |named: bool| {
        format!(
            "{tiers}spending: {{team: {{per: operator, window: day, limit_usd: 0.0025, cheaper: {{tier: cheap, at_percent: 70, named: {named}}}}}}}"
        )
    };
    for named in [false, true] {
        let service = service(&upstream, &spending(named)).await;
        let tier = |answer: &Answer| (answer.status, answer.header("x-brains-tier").to_owned());
        // 1,000 tokens at the dear rate are four fifths of it.
        let answer = ask(&service, Caller::Messages, "brains-auto").await;
        assert_eq!(tier(&answer), (200, "cheap".to_owned()), "{}", answer.text());
        let reason = answer.header("x-brains-route-reason");
        assert!(reason.starts_with("budget `team` would be 80% used: tier `cheap`; "), "{reason}");
        assert_eq!(answer.header("x-brains-model"), "scripted-2");
        settled(&service).await;
        for model in ["brains-deep", "openai_compatible/scripted-1"] {
            let answer = ask(&service, Caller::Chat, model).await;
            assert_eq!(answer.status, 200, "{model}: {}", answer.text());
            let expected = if named { "scripted-2" } else { "scripted-1" };
            assert_eq!(answer.header("x-brains-model"), expected, "{model}");
            assert_eq!(answer.header("x-brains-route-reason").contains("budget"), named, "{model}");
            settled(&service).await;
        }
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_prices_is_not_free() {
    let upstream = OPENAI.upstream().await;
    let one = "spending: {team: {per: operator, window: day, limit_usd: 1";
    let refusing = service(&upstream, &format!("{one}}}}}")).await;
    let answer = ask(&refusing, Caller::Chat, "openai_compatible/strange").await;
    let error = Caller::Chat.read(&answer).error.expect("an error");
    assert_eq!((answer.status, &*error.code), (403, "price_unknown"), "{}", error.message);
    assert!(
        error.message.contains("nobody knows what `openai_compatible/strange` costs"),
        "{}",
        error.message
    );
    assert_eq!(upstream.seen().len(), 0);
    refusing.stop().await;

    // A tier goes on with the candidates that are priced.
    let tier = "models: {default: {provider: openai_compatible, model: strange, fallbacks: [{provider: openai_compatible, model: scripted-1}]}}\n";
    let passing = service(&upstream, &format!("{tier}{one}}}}}")).await;
    let answer = ask(&passing, Caller::Chat, "brains-default").await;
    assert_eq!((answer.status, answer.header("x-brains-model")), (200, "scripted-1"), "{}", answer.text());
    assert_eq!(answer.header("x-brains-attempt-causes"), "openai_compatible/strange price_unknown");
    passing.stop().await;

    let counting = service(&upstream, &format!("{one}, unpriced: count}}}}")).await;
    assert_eq!(ask(&counting, Caller::Chat, "openai_compatible/strange").await.status, 200);
    let line = settled(&counting).await;
    assert_eq!((&line["unpriced"], &line["spent_usd"]), (&json!(1), &json!(0.0)), "{line}");
    assert!(line["spent_tokens"].as_u64().expect("tokens") > 0);
    counting.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_has_a_budget_of_its_own_and_one_that_warns_stops_nobody() {
    let upstream = OPENAI.upstream().await;
    let service = service(
        &upstream,
        "spending: {each: {per: key, window: week, limit_tokens: 1100}, soft: {per: operator, window: day, limit_tokens: 10, at_limit: warn}}",
    )
    .await;
    for name in ["one", "two"] {
        let made = service.client.operation("create_key", &json!({"name": name})).await;
        let client = service.client.with_key(made["key"].as_str().expect("a key"));
        let mut question = Caller::Messages.question(&OPENAI.model(), false, "hi");
        question["max_tokens"] = json!(1_000);
        upstream.then(used(100, 50));
        let answer = Caller::Messages.ask(&client, &question).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let warned = answer.header("anthropic-ratelimit-unified-status");
        assert!(["allowed", "allowed_warning"].contains(&warned), "{warned}");
        until("its settlement", async || {
            budgets(&service).await.iter().all(|line| line["reserved_tokens"] == 0)
        })
        .await;
        let answer = Caller::Messages.ask(&client, &question).await;
        assert_eq!(answer.status, 429, "{name}");
        assert!(answer.text().contains("the budget `each` has no room"), "{}", answer.text());
    }
    // The admin key is no key that is counted.
    let answer = ask(&service, Caller::Messages, &OPENAI.model()).await;
    assert_eq!(
        (answer.status, answer.header("anthropic-ratelimit-unified-status")),
        (200, "allowed_warning")
    );
    assert!(answer.header("x-brains-budget").starts_with("soft: 3000.0% used, 0 tokens left"));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_budget_is_told_by_its_path() {
    let home = brains_tests::service::Home::default();
    home.write_config(
        "spending:\n  nothing: {per: key, window: day}\n  clock: {per: key, window: day, limit_tokens: 1, zone: Europe/Berlim}\n  \
         tier: {per: key, window: day, limit_tokens: 1, cheaper: {tier: none-such}}\n  word: {per: team, window: day, limit_tokens: 1}\n  \
         less: {per: key, window: day, limit_usd: -1}\n",
    );
    let told = home.run(&["config", "check"]).await;
    let told = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    for path in [
        "spending.nothing",
        "spending.clock.zone",
        "spending.tier.cheaper.tier",
        "spending.word.per",
        "spending.less.limit_usd",
    ] {
        assert!(told.contains(path), "{path} is not in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_set_as_the_guide_says() {
    let guide = document("docs/guides/budgets.md");
    let service = Brains::plain().await;
    let folder = service.home.path().join("project");
    fs_err::create_dir_all(&folder).expect("a folder");
    let mut shell = Shell::of(&service, folder);
    shell.run(&blocks(&guide, "sh").concat()).await;
    let line = budgets(&service).await.remove(0);
    assert_eq!(
        (&line["name"], &line["limit_usd"], &line["used_percent"]),
        (&json!("each"), &json!(5.0), &json!(0)),
        "{line}"
    );
    // The whole document is sound.
    let home = brains_tests::service::Home::default();
    home.write_config(&blocks(&guide, "yaml").concat());
    let told = home.run(&["config", "check"]).await;
    assert!(
        told.status.success(),
        "{}{}",
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr)
    );
}
