use std::time::Duration;

use brains_core::plane::trace::{Attempt, AttemptOutcome, TraceRecord, TraceUsage};
use brains_core::price::{ModelPrice, NanoDollars, PriceOrigin, TokenRate};
use brains_core::{Ambient as _, Id};

use super::bed::{Aside, Bed, on_both};
use crate::{Retention, Store, TraceCounts, TraceFilter, TraceOptions};

on_both! { a_trace_comes_back_whole filters_and_cursor retention_by_rows_and_days
an_outage_blocks_nobody_and_is_counted secrets_are_in_no_row }

fn trace(bed: &Bed, provider: &str) -> TraceRecord {
    bed.ambient.advance(1);
    let price = ModelPrice { input: Some(TokenRate(37_500)), ..ModelPrice::default() };
    TraceRecord {
        id: Id::mint(&*bed.ambient),
        request_id: Id::<brains_core::id::Request>::mint(&*bed.ambient).as_str().into(),
        at: bed.ambient.now(),
        operator: "admin".into(),
        key: Some(Id::mint(&*bed.ambient)),
        client: Some("curl/8".into()),
        native_session: Some("16e14d7a-adbb-48cb-b69f-2b953fa600c1".into()),
        request_class: Some("compaction".into()),
        api: "openai-chat".into(),
        requested_model: "brains-auto".into(),
        model: Some("small".into()),
        provider: Some(provider.into()),
        tier: Some("cheap".into()),
        task: Some("code_fix".into()),
        complexity: Some("low".into()),
        confidence: Some(0.625),
        strategy: Some("direct".into()),
        reason: Some("the cheapest that fits".into()),
        attempts: vec![Attempt {
            provider: provider.into(),
            model: "small".into(),
            outcome: AttemptOutcome::Ok,
            status: Some(200),
            latency_ms: 12,
            code: None,
            cause: None,
            billed: None,
        }],
        status: 200,
        error_kind: None,
        error_code: None,
        first_byte_ms: Some(3),
        latency_ms: 15,
        usage: TraceUsage {
            input_tokens: 10,
            output_tokens: u64::MAX,
            cached_tokens: 1,
            cache_write_5m_tokens: 3,
            cache_write_1h_tokens: 4,
            reasoning_tokens: 2,
            estimated: true,
        },
        cost_usd: Some(NanoDollars(125_001)),
        price: Some(price.in_force(PriceOrigin::Operator, 10)),
        stream: true,
        request_bytes: 100,
        response_bytes: 200,
        preamble_hash: Some("00".into()),
        loss: vec!["logit_bias".into()],
        request_body: Some("{\"nul\":\"\u{0}\"}".into()),
        response_body: None,
    }
}

async fn put(store: &Store, traces: &[TraceRecord]) {
    let sink = store.traces();
    let before = sink.counts().written;
    for trace in traces {
        assert!(sink.offer(trace.clone()));
    }
    settled(store, |counts| counts.written == before + traces.len() as u64).await;
}

async fn settled(store: &Store, done: impl Fn(TraceCounts) -> bool) {
    let sink = store.traces();
    let wait = async {
        while !done(sink.counts()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "{:?}", sink.counts());
}

async fn list(store: &Store, filter: &TraceFilter, limit: u32) -> Vec<TraceRecord> {
    store.read().await.unwrap().traces(filter, limit).await.unwrap()
}

async fn a_trace_comes_back_whole(bed: &Bed) {
    let store = bed.open().await;
    let sent = trace(bed, "one");
    put(&store, std::slice::from_ref(&sent)).await;
    let mut view = store.read().await.unwrap();
    let mut expected = sent.clone();
    expected.request_body = Some("{\"nul\":\"\u{fffd}\"}".into());
    expected.usage.output_tokens = i64::MAX.unsigned_abs();
    assert_eq!(view.trace(&sent.id).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(view.trace_of_request(&sent.request_id, &sent.operator).await.unwrap(), Some(expected));
    assert_eq!(view.trace(&Id::mint(&*bed.ambient)).await.unwrap(), None);
    drop(view);
    store.close().await;
}

async fn filters_and_cursor(bed: &Bed) {
    let store = bed.open().await;
    let mut traces: Vec<_> =
        (0..9).map(|index| trace(bed, if index % 3 == 0 { "one" } else { "two" })).collect();
    traces[4].error_kind = Some("upstream".into());
    traces[4].status = 502;
    put(&store, &traces).await;
    let all = TraceFilter::default();
    let mut seen = Vec::new();
    let mut filter = all.clone();
    loop {
        let page = list(&store, &filter, 4).await;
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id.clone());
        seen.extend(page.into_iter().map(|trace| trace.id));
    }
    assert_eq!(seen, traces.iter().rev().map(|trace| trace.id.clone()).collect::<Vec<_>>());
    let counted = [
        (TraceFilter { provider: Some("one".into()), ..all.clone() }, 3),
        (TraceFilter { failed: true, ..all.clone() }, 1),
        (TraceFilter { status: Some(502), provider: Some("two".into()), ..all.clone() }, 1),
        (TraceFilter { status: Some(502), provider: Some("one".into()), ..all.clone() }, 0),
        (TraceFilter { operator: Some("admin".into()), tier: Some("cheap".into()), ..all.clone() }, 9),
        (TraceFilter { model: Some("' OR 1 = 1".into()), ..all.clone() }, 0),
        (TraceFilter { key: traces[2].key.clone(), ..all.clone() }, 1),
        (TraceFilter { since: Some(traces[3].at), until: Some(traces[6].at), ..all.clone() }, 3),
        (TraceFilter { api: Some("openai-chat".into()), ..all }, 9),
    ];
    for (filter, expected) in counted {
        assert_eq!(list(&store, &filter, 100).await.len(), expected, "{filter:?}");
    }
    store.close().await;
}

async fn retention_by_rows_and_days(bed: &Bed) {
    let store = bed.open().await;
    let old: Vec<_> = (0..700).map(|_| trace(bed, "one")).collect();
    put(&store, &old).await;
    bed.ambient.advance(3 * 86_400_000);
    let new: Vec<_> = (0..700).map(|_| trace(bed, "one")).collect();
    put(&store, &new).await;
    store.prune_traces(Retention { rows: None, days: Some(4) }).await.unwrap();
    assert_eq!(list(&store, &TraceFilter::default(), 5_000).await.len(), 1_400);
    store.prune_traces(Retention { rows: None, days: Some(2) }).await.unwrap();
    assert_eq!(list(&store, &TraceFilter::default(), 5_000).await.len(), 700);
    store.prune_traces(Retention { rows: Some(20), days: None }).await.unwrap();
    let kept: Vec<_> =
        list(&store, &TraceFilter::default(), 5_000).await.into_iter().map(|trace| trace.id).collect();
    assert_eq!(kept, new.iter().rev().take(20).map(|trace| trace.id.clone()).collect::<Vec<_>>());
    store.close().await;
}

async fn an_outage_blocks_nobody_and_is_counted(bed: &Bed) {
    let mut options = bed.options();
    options.patience = Duration::from_millis(300);
    options.traces = TraceOptions { queue: 8, retention: Retention::default() };
    let store = Store::open(&bed.url, options).await.unwrap();
    put(&store, &[trace(bed, "one")]).await;
    let mut aside = Aside::open(&bed.url).await.unwrap();
    aside.run(if bed.is_postgres() { "BEGIN; LOCK TABLE trace" } else { "BEGIN EXCLUSIVE" }).await.unwrap();
    let traces: Vec<_> = (0..600).map(|_| trace(bed, "two")).collect();
    let sink = store.traces();
    let taken = traces.into_iter().filter(|trace| sink.offer(trace.clone())).count() as u64;
    let counts = sink.counts();
    assert!(taken < 600 && counts.dropped == 600 - taken, "{counts:?}");
    aside.run("ROLLBACK").await.unwrap();
    settled(&store, |counts| counts.queued == 0).await;
    assert_eq!(sink.counts().written, 1 + taken);
    assert_eq!(list(&store, &TraceFilter::default(), 1_000).await.len() as u64, 1 + taken);
    aside.close().await;
    let last = trace(bed, "three");
    assert!(sink.offer(last.clone()));
    store.close().await;
    assert!(!sink.offer(trace(bed, "three")), "a closed sink takes nothing");
    let store = bed.open().await;
    assert_eq!(
        store.read().await.unwrap().trace(&last.id).await.unwrap().map(|trace| trace.id),
        Some(last.id)
    );
    store.close().await;
}

async fn secrets_are_in_no_row(bed: &Bed) {
    let store = bed.open().await;
    let secret = format!("sk-{}", "proj-Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0");
    let mut sent = trace(bed, "one");
    sent.request_id.clone_from(&secret);
    sent.client = Some(secret.clone());
    sent.requested_model.clone_from(&secret);
    sent.model = Some(secret.clone());
    sent.reason = Some(format!("asked for {secret}"));
    sent.attempts[0].cause = Some(format!("Authorization: Bearer {secret}"));
    sent.attempts[0].model.clone_from(&secret);
    sent.error_code = Some(secret.clone());
    sent.loss = vec![secret.clone()];
    sent.request_body = Some(format!("{{\"content\":\"{secret}\"}}"));
    sent.response_body = Some(secret.clone());
    put(&store, std::slice::from_ref(&sent)).await;
    let found = store.read().await.unwrap().trace(&sent.id).await.unwrap().unwrap();
    let shown = serde_json::to_string(&found).unwrap();
    assert!(!shown.contains(&secret), "{shown}");
    let by_request =
        store.read().await.unwrap().trace_of_request(&secret, &sent.operator).await.unwrap().unwrap();
    assert_eq!(by_request.id, sent.id, "and it is still found by what was sent");
    store.close().await;
}
