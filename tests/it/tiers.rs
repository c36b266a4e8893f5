//! What answers a tier: a model of its own, else the nearest tier's; what stands in for a model only until there is one.

use std::process::Stdio;

use brains_tests::service::Home;
use brains_tests::{Brains, Reply, Setup, Upstream, model, until};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// Prompts that the classifiers take to every tier.
const PROMPTS: [&str; 5] = [
    "hi",
    "Fix the retry bug in the webhook handler",
    "design the architecture of a distributed queue with several consumers and exactly-once semantics",
    "what does the current documentation of the library say about timeouts?",
    "compare postgres and sqlite for our workload",
];
const TIERS: [&str; 4] = ["cheap", "default", "strong", "deep"];

fn chat(model: &str, prompt: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": prompt }] })
}

/// Every name that leaves the choice to us.
fn names() -> Vec<String> {
    let names = TIERS.iter().chain(&["auto"]);
    names.flat_map(|name| [format!("brains-{name}"), format!("claude-brains-{name}")]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn once_a_model_is_configured_only_its_own_name_reaches_what_stands_in() {
    let upstream = Upstream::start(model::answer).await;
    // As the README has it; somebody even fell back on what stands in.
    let tiers = "models:\n  default: {provider: openai_compatible, model: middle, fallbacks: [{provider: echo, model: echo-small}]}\n  strong: {provider: openai_compatible, model: strong}\n";
    let service = Brains::start(Setup::upstream(&upstream.base()).and(tiers)).await;
    let judges = [
        "{}\n",
        "classifier: {component: classifier-keyword-compat}\npolicy: {component: policy-tiered, config: {fallback_tier: deep}}\n",
        "classifier: null\npolicy: null\n",
    ];
    for overlay in judges {
        fs_err::write(service.home.state().join("brains.runtime.yaml"), overlay).expect("written");
        service.client.operation("reload_config", &json!({})).await;
        for name in names() {
            for prompt in PROMPTS {
                let answer = service.client.chat(&chat(&name, prompt, prompt.len() % 2 == 0)).await;
                assert_eq!(answer.status, 200, "{name}: {}", answer.text());
                assert_eq!(
                    answer.header("x-brains-provider"),
                    "openai_compatible",
                    "{overlay}{name}: {prompt}"
                );
            }
        }
    }
    for (name, model) in
        [("cheap", "middle"), ("default", "middle"), ("strong", "strong"), ("deep", "strong")]
    {
        let answer = service.client.chat(&chat(&format!("brains-{name}"), "hi", false)).await;
        assert_eq!((answer.header("x-brains-tier"), answer.header("x-brains-model")), (name, model));
    }
    // Its own name is another matter.
    let named = service.client.chat(&chat("echo/echo-small", "hi", false)).await;
    assert_eq!((named.status, named.header("x-brains-provider")), (200, "echo"));

    // A failure ends nowhere else.
    for _ in 0..names().len() * 2 {
        upstream.then(Reply::json(500, "{}"));
    }
    for name in names() {
        let answer = service.client.chat(&chat(&name, "hi", false)).await;
        assert_eq!(answer.status, 502, "{name}: {}", answer.text());
        assert_eq!(answer.header("x-brains-provider"), "openai_compatible", "{name}");
    }
    // Models are listed with what answers them.
    let listed = service.client.operation("list_models", &json!({})).await;
    let deep = listed["models"].as_array().and_then(|all| all.iter().find(|row| row["id"] == "brains-deep"));
    assert_eq!(deep.expect("listed")["model"], "strong");
}

#[tokio::test(flavor = "multi_thread")]
async fn tiers_without_a_model_of_their_own_are_named_with_where_they_lead() {
    let config = "openai_compatible_base_url: \"http://127.0.0.1:9/v1\"\nmodels: {default: {provider: openai_compatible, model: middle}}\n";
    let service = Brains::start(Setup::config(config)).await;
    let lead =
        |tier: &str| json!({ "tier": tier, "leads_to": "default", "model": "openai_compatible/middle" });
    let checked = service.client.operation("check_config", &json!({ "document": config })).await;
    assert_eq!(checked["tier_leads"], json!([lead("cheap"), lead("strong"), lead("deep")]), "{checked}");
    let empty = service.client.operation("check_config", &json!({ "document": "{}" })).await;
    assert_eq!(
        empty["tier_leads"][0],
        json!({ "tier": "cheap", "leads_to": null, "model": "echo/echo-small" })
    );

    let findings = async |home: &Home| -> Vec<Value> {
        let output = home.run(&["doctor", "--json"]).await;
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let all = told["checks"].as_array().expect("checks").clone();
        all.into_iter().filter(|check| check["check"] == "tiers").collect()
    };
    let configured = findings(&service.home).await;
    assert_eq!(configured.len(), 3);
    assert_eq!(configured[0]["result"], "ok");
    let detail = configured[0]["detail"].as_str().expect("a text");
    assert!(detail.contains("`cheap`") && detail.contains("leads to `default`"), "{detail}");
    let fresh = findings(&Home::default()).await;
    assert!(fresh.len() == 4 && fresh.iter().all(|check| check["result"] == "warn"), "{fresh:?}");

    let explained =
        service.client.operation("explain_route", &json!({ "prompt": "hi", "model": "brains-deep" })).await;
    let first = explained["steps"][0]["detail"].as_str().expect("a text");
    assert!(first.contains("leads to `default`"), "{explained}");
}

/// A start in its own words, to the end of the block that says that it serves.
async fn banner(home: &Home) -> String {
    let mut child = home
        .command(&["serve-all", "--gateway-port", "0", "--mcp-port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut said = String::new();
    let read = async {
        while let Some(line) = lines.next_line().await.expect("a line") {
            said.extend([&*line, "\n"]);
            if line.starts_with("Stop:") {
                return;
            }
        }
    };
    brains_tests::within("the service to say that it serves", read).await;
    child.kill().await.expect("ended");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_says_which_tiers_have_no_model_of_their_own() {
    let home = Home::default();
    let fresh = banner(&home).await;
    for word in ["No model is configured yet", "`deep` has no model of its own: `echo/echo-deep` stands in"] {
        assert!(fresh.contains(word), "{word}: {fresh}");
    }
    home.write_config("models: {strong: {provider: ollama, model: big}}\n");
    let configured = banner(&home).await;
    assert!(
        configured.contains("`cheap` has no model of its own and leads to `strong` (`ollama/big`)"),
        "{configured}"
    );
    let all = TIERS.map(|tier| format!("  {tier}: {{provider: ollama, model: {tier}}}\n")).concat();
    home.write_config(&format!("models:\n{all}"));
    assert!(!banner(&home).await.contains("of its own"));
}

/// Components are compiled at the first start, and whoever looks sees a service that starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_compiles_says_so_and_is_a_service_that_starts() {
    let home = Home::default();
    let log = fs_err::File::create(home.path().join("stderr.txt")).expect("a file");
    let mut child = home
        .command(&["serve-all", "--gateway-port", "0", "--mcp-port", "0"])
        .stdout(Stdio::null())
        .stderr(log.into_parts().0)
        .spawn()
        .expect("the program starts");
    let pid = child.id().expect("running");
    let runtime = || {
        let text = fs_err::read_to_string(home.state().join("runtime.json")).unwrap_or_default();
        serde_json::from_str::<Value>(&text).unwrap_or_default()
    };
    until("the service to begin", async || runtime()["state"] == "starting").await;
    // Held where it is, so that looking at it takes the time that it takes.
    let signal = |name: &str| std::process::Command::new("kill").args([name, &pid.to_string()]).status();
    signal("-STOP").expect("stopped");
    let seen = runtime();
    assert_eq!((&seen["state"], &seen["ports"], &seen["urls"]), (&json!("starting"), &json!({}), &json!({})));
    let status = home.run(&["status", "--json"]).await;
    let told: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!((&told["state"], &told["pid"]), (&json!("starting"), &json!(pid)), "{told}");
    let second = home.run(&["serve-all", "--gateway-port", "0", "--mcp-port", "0"]).await;
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.code() == Some(4) && said.contains("is starting here already"), "{said}");
    signal("-CONT").expect("goes on");
    until("the service to serve", async || runtime()["state"] == "serving").await;
    let said = fs_err::read_to_string(home.path().join("stderr.txt")).expect("there");
    assert!(said.contains("compiling 3 components"), "{said}");
    child.kill().await.expect("ended");
}
