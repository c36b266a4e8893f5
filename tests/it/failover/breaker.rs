//! The circuit breaker: when it opens, whom it lets try, and what closes it.

use super::*;

/// The breakers as a caller with a key sees them.
async fn breakers(service: &Brains) -> Value {
    service.client.get("/health/ready").await.json()["breakers"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_opens_probes_once_and_closes() {
    let (down, slow, probes) =
        (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let primary = {
        let (down, slow, probes) = (Arc::clone(&down), Arc::clone(&slow), Arc::clone(&probes));
        Upstream::start(move |seen| {
            probes.fetch_add(1, Ordering::SeqCst);
            let wait = if slow.load(Ordering::SeqCst) { Duration::from_millis(800) } else { Duration::ZERO };
            if down.load(Ordering::SeqCst) { Reply::json(503, "{}") } else { model::answer(seen) }
                .head_delay(wait)
        })
        .await
    };
    let second = WIRE.upstream().await;
    let policy = "provider_policies: {primary: {circuit_failure_threshold: 2, circuit_cooldown_seconds: 2}}";
    let service = Brains::start(Setup::config(config(&primary, &second)).and(policy)).await;
    let called = || probes.load(Ordering::SeqCst);
    for round in 1..=2 {
        assert_eq!(service.client.chat(&request(false)).await.header("x-brains-attempts"), "2");
        assert_eq!(called(), round);
    }
    assert_eq!(
        breakers(&service).await,
        json!([{"provider": "primary", "model": "scripted-1", "state": "open", "failures": 2}])
    );

    // Open: nobody is sent there, by whatever name.
    let answer = service.client.chat(&request(false)).await;
    assert_eq!((answer.header("x-brains-provider"), called()), ("second", 2), "{}", answer.text());
    let alone = json!({"model": "primary/scripted-1", "messages": [{"role": "user", "content": "x"}]});
    let answer = service.client.chat(&alone).await;
    assert_eq!((answer.status, answer.header("retry-after").is_empty()), (503, false), "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], "server_is_overloaded");
    assert_eq!(answer.header("x-brains-attempt-causes"), "primary/scripted-1 circuit_open");
    let trace = trace(&service.client, &answer).await;
    assert_eq!(trace["attempts"][0]["outcome"], "skipped", "{trace}");
    assert_eq!(called(), 2);

    // The time is over: one of many is the probe. It fails, and the breaker is open again.
    let many = async || {
        let calls = (0..64).map(|_| async { service.client.chat(&request(false)).await.status });
        let statuses = futures_util::future::join_all(calls).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    };
    let half_open = async || {
        until("the cooldown's end", async || breakers(&service).await[0]["state"] == "half_open").await;
    };
    half_open().await;
    slow.store(true, Ordering::SeqCst);
    many().await;
    assert_eq!(called(), 3, "one probe among 64");
    assert_eq!(breakers(&service).await[0]["failures"], 3);

    half_open().await;
    down.store(false, Ordering::SeqCst);
    many().await;
    assert_eq!(called(), 4, "one probe among 64");
    assert_eq!(breakers(&service).await, json!([]), "closed");
    slow.store(false, Ordering::SeqCst);
    let answer = service.client.chat(&request(false)).await;
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("primary", "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_begins_to_answer_closes_the_breaker() {
    let pair = Pair::start("circuit_failure_threshold: 1, circuit_cooldown_seconds: 0.2").await;
    pair.after(Reply::json(503, "{}"), true).await;
    until("the cooldown's end", async || breakers(&pair.service).await[0]["state"] == "half_open").await;
    pair.primary.then(Reply::stream(half()).end(End::Hang));
    let hanging = pair
        .service
        .client
        .request(http::Method::POST, "/v1/chat/completions")
        .body(request(true).to_string());
    let response = brains_tests::within("the head", hanging.send()).await.expect("an answer");
    assert_eq!(response.headers()["x-brains-provider"], "primary");
    assert_eq!(breakers(&pair.service).await, json!([]), "though its answer is not whole yet");
    assert_eq!(pair.chat(false).await.header("x-brains-provider"), "primary");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_whose_client_leaves_is_followed_by_another() {
    let pair = Pair::start("circuit_failure_threshold: 1, circuit_cooldown_seconds: 0.2").await;
    pair.after(Reply::json(503, "{}"), false).await;
    until("the cooldown's end", async || breakers(&pair.service).await[0]["state"] == "half_open").await;
    pair.primary.then(Reply::json(200, "{}").head_delay(Duration::from_mins(10)));
    let seen = pair.primary.seen().len();
    let leaving = pair.chat(false);
    tokio::select! {
        _ = leaving => {}
        () = until("the probe", async || pair.primary.seen().len() > seen) => {}
    }
    until("the upstream to notice", async || pair.primary.left() == 1).await;
    assert_eq!(pair.chat(false).await.header("x-brains-provider"), "primary");
    assert_eq!(breakers(&pair.service).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_of_nought_never_opens() {
    let pair = Pair::start("circuit_failure_threshold: 0").await;
    for round in 1..=20 {
        pair.after(Reply::json(503, "{}"), false).await;
        assert_eq!(pair.primary.seen().len(), round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_model_never_closes_another() {
    let upstream = Upstream::start(|seen| {
        if seen.json()["model"] == "bad" { Reply::json(500, "{}") } else { model::answer(seen) }
    })
    .await;
    let policy = "provider_policies: {openai_compatible: {circuit_failure_threshold: 1, circuit_cooldown_seconds: 600}}";
    let service = Brains::start(WIRE.setup(&upstream).and(policy)).await;
    let ask = |model: &str| {
        let body = json!({"model": format!("openai_compatible/{model}"), "messages": [{"role": "user", "content": "x"}]});
        let client = service.client.clone();
        async move { client.chat(&body).await.status }
    };
    assert_eq!((ask("bad").await, ask("good").await), (502, 200));
    for _ in 0..5 {
        assert_eq!((ask("bad").await, ask("good").await), (503, 200));
    }
    assert_eq!(upstream.seen().iter().filter(|seen| seen.json()["model"] == "bad").count(), 1);
}
