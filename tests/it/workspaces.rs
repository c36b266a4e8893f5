//! Workspaces: what is one, who registers it, what is found by which name, and what nothing registers.

use brains_tests::on_both_databases;
use brains_tests::service::Home;
use brains_tests::team::{Database, Team};
use serde_json::json;

on_both_databases! { working_trees_are_told_apart reading_registers_nothing put_away_and_brought_back }

async fn working_trees_are_told_apart(database: Database) {
    let team = Team::start(database).await;
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"])
            .args(arguments)
            .current_dir(team.folder())
            .output()
            .expect("git runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "-q", "shop"]);
    git(&["-C", "shop", "commit", "-q", "--allow-empty", "-m", "first"]);
    git(&["-C", "shop", "worktree", "add", "-q", "../shop-fix"]);
    fs_err::create_dir_all(team.folder().join("shop/src/deep")).expect("a directory");
    let register = async |path: &str| {
        team.admin().operation("register_workspace", &json!({ "path": team.path(path) })).await
    };
    let main = register("shop/src/deep").await;
    assert_eq!(
        (main["workspace"]["slug"].as_str(), main["registered"].as_bool()),
        (Some("shop"), Some(true))
    );
    let fix = register("shop-fix").await;
    assert_eq!(fix["workspace"]["slug"], "shop-fix");
    assert_eq!(fix["workspace"]["common_dir"], main["workspace"]["common_dir"]);
    assert_eq!(register("shop").await["registered"], false);
    for (reference, found) in [
        (team.path("shop/src"), "shop"),
        (team.path("shop/not/there/yet"), "shop"),
        (team.path("shop-fix"), "shop-fix"),
        ("shop".to_owned(), "shop"),
        (main["workspace"]["id"].as_str().expect("an id").to_owned(), "shop"),
    ] {
        let shown = team.admin().operation("show_workspace", &json!({ "workspace": reference })).await;
        assert_eq!(shown["workspace"]["slug"], found, "{reference}");
    }
    // A second one of the same name gets a number, a chosen name is never changed.
    fs_err::create_dir_all(team.folder().join("other/Shop/.git")).expect("a directory");
    assert_eq!(register("other/Shop").await["workspace"]["slug"], "shop-2");
    let taken = json!({ "path": team.path("other"), "slug": "shop" });
    let refused = team.admin().post("/api/ops/register_workspace", taken.to_string()).await;
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (409, Some("already_exists")));
    team.stop().await;
}

async fn reading_registers_nothing(database: Database) {
    let team = Team::start(database).await;
    let agent = team.agent(0).await;
    let unknown = team.project("unknown").display().to_string();
    let before = team.admin().operation("list_workspaces", &json!({ "all": true })).await;
    let document = team.admin().get("/api/openapi.json").await.json();
    let mut tried = 0;
    for (path, operation) in document["paths"].as_object().expect("paths") {
        let Some(name) = path.strip_prefix("/api/ops/") else { continue };
        let reference =
            operation["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
        let schema = reference.and_then(|reference| document.pointer(reference.trim_start_matches('#')));
        let takes_workspace = schema.is_some_and(|schema| schema["properties"]["workspace"].is_object());
        if !takes_workspace || name == "start_session" {
            continue;
        }
        for workspace in
            [unknown.as_str(), "/nowhere/at/all", "no-such-slug", "ws_01kax3v7yqe5nbp8w0c4mzt6rd"]
        {
            // Members that are missing are told before the workspace is looked up, and that is a refusal too.
            let answer = agent.call(name, json!({ "workspace": workspace })).await;
            assert!(
                [400, 404].contains(&answer.status),
                "{name} {workspace}: {} {}",
                answer.status,
                answer.text()
            );
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
    assert_eq!(team.admin().operation("list_workspaces", &json!({ "all": true })).await, before);
    team.stop().await;
}

async fn put_away_and_brought_back(database: Database) {
    let team = Team::start(database).await;
    let agent = team.agent(0).await;
    agent.does("acquire_lock", json!({ "name": "deploy" })).await;
    team.admin().operation("archive_workspace", &json!({ "workspace": "app" })).await;
    agent.refused("acquire_lock", json!({ "name": "other" }), "workspace_archived").await;
    let refused = team.admin().post("/api/ops/start_session", r#"{"workspace": "app"}"#).await;
    assert_eq!(refused.json()["error"]["code"], "workspace_archived");
    let listed = team.admin().operation("list_workspaces", &json!({})).await;
    assert_eq!(listed["workspaces"], json!([]));
    let again = team.admin().post("/api/ops/archive_workspace", r#"{"workspace": "app"}"#).await;
    assert_eq!(again.status, 409);
    // Nothing of it is lost, and what is over may end.
    let held = team.admin().operation("list_locks", &json!({ "workspace": "app" })).await;
    assert_eq!(held["locks"].as_array().map(Vec::len), Some(1));
    agent.does("end_session", json!({})).await;
    team.admin().operation("unarchive_workspace", &json!({ "workspace": "app" })).await;
    let renamed = json!({ "workspace": "app", "slug": "store", "name": "The Store" });
    assert_eq!(team.admin().operation("rename_workspace", &renamed).await["workspace"]["name"], "The Store");
    team.agent_in(0, "store").await;
    let gone = team.admin().post("/api/ops/show_workspace", r#"{"workspace": "app"}"#).await;
    assert_eq!(gone.status, 404);
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn init_registers_a_project_and_leaves_a_plain_directory_alone() {
    let home = Home::default();
    let plain = home.path().join("plain");
    fs_err::create_dir_all(&plain).expect("a directory");
    let answer = home.run(&["init", plain.to_str().expect("UTF-8")]).await;
    assert!(answer.status.success(), "{answer:?}");
    let told: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    assert_eq!(told["workspace"], serde_json::Value::Null);
    fs_err::write(plain.join("Cargo.toml"), "").expect("a marker");
    let answer = home.run(&["init", plain.to_str().expect("UTF-8"), "--slug", "mine"]).await;
    let told: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    assert_eq!(told["workspace"]["slug"], "mine", "{told}");
}
