//! Adoption: what counts as offered, what as taken up, and whose sessions are counted.

use brains_tests::on_both_databases;
use brains_tests::team::{Database, Team};
use serde_json::{Value, json};

on_both_databases! { what_was_offered_and_taken_up_is_counted }

async fn what_was_offered_and_taken_up_is_counted(database: Database) {
    let team = Team::start(database).await;
    let report = async |input: Value| team.admin().operation("adoption_report", &input).await;
    let surface = |report: &Value, name: &str| {
        let one = &report["surfaces"][name];
        (one["offered"].as_u64(), one["acted"].as_u64(), one["rate"].as_f64())
    };
    let none = report(json!({})).await;
    assert_eq!((&none["sessions_started"], surface(&none, "peers")), (&json!(0), (Some(0), Some(0), None)));

    // The first is offered nothing, whatever it does.
    let ben = team.agent(0).await;
    ben.does("set_focus", json!({ "intent": "alone" })).await;
    ben.does("acquire_lock", json!({ "name": "deploy" })).await;
    ben.does("send_message", json!({ "subject": "for whoever comes" })).await;
    // Two more are offered mail, a peer and its lock. One takes up mail and peers, the other only looks.
    let ann = team.agent(0).await;
    ann.does("read_messages", json!({ "mark_read": true })).await;
    ann.does("set_focus", json!({ "intent": "the cart" })).await;
    let cid = team.agent(0).await;
    cid.does("read_messages", json!({ "mark_read": false })).await;
    cid.does("get_state", json!({})).await;
    cid.does("resume_session", json!({})).await;

    let told = report(json!({ "workspace": "app" })).await;
    assert_eq!((&told["sessions_started"], &told["workspace"]), (&json!(3), &json!("app")), "{told}");
    assert_eq!((&told["window_minutes"], &told["since_days"]), (&json!(2), &json!(14)));
    for (name, follow, expected) in [
        ("unread_messages", "mail.read", (Some(2), Some(1), Some(0.5))),
        ("peers", "focus.set", (Some(2), Some(1), Some(0.5))),
        ("locks", "lock.acquire", (Some(2), Some(0), Some(0.0))),
    ] {
        assert_eq!(surface(&told, name), expected, "{name}: {told}");
        assert_eq!(told["surfaces"][name]["follow_kind"], follow);
    }

    // Sessions of a workspace that one does not see are in no number.
    let added = team.admin().operation("add_operator", &json!({ "slug": "bob" })).await;
    let bob = team.admin().with_key(added["key"].as_str().expect("a key"));
    team.project("secret");
    let secret = json!({ "path": team.path("secret"), "visibility": "private" });
    team.admin().operation("register_workspace", &secret).await;
    team.agent_in(0, "secret").await;
    assert_eq!(report(json!({})).await["sessions_started"], 4);
    assert_eq!(bob.operation("adoption_report", &json!({})).await["sessions_started"], 3);
    for (input, status, param) in [
        (json!({ "workspace": "secret" }), 404, "workspace"),
        (json!({ "workspace": "nowhere" }), 404, "workspace"),
        (json!({ "window_minutes": 0 }), 400, "window_minutes"),
        (json!({ "since_days": -1 }), 400, "since_days"),
        (json!({ "since_days": 367 }), 400, "since_days"),
    ] {
        let refused = bob.post("/api/ops/adoption_report", input.to_string()).await;
        assert_eq!(
            (refused.status, refused.json()["error"]["param"].as_str()),
            (status, Some(param)),
            "{input}"
        );
    }
    let flat = team.run(&["adoption-report", "--workspace", "app", "--json"]).await;
    assert_eq!(serde_json::from_slice::<Value>(&flat.stdout).expect("JSON"), told);
    team.stop().await;
}
