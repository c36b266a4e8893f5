//! Random sequences of operations beside a model in memory: after each one the service and the model agree, on both
//! databases.

use std::collections::{BTreeMap, BTreeSet};

use brains_tests::counts::count;
use brains_tests::on_both_databases;
use brains_tests::team::{Agent, Database, Team};
use serde_json::{Value, json};

on_both_databases! { the_service_agrees_with_the_model }

async fn the_service_agrees_with_the_model(database: Database) {
    let team = Team::start(database).await;
    for seed in 0..count(3, 30) {
        let name = format!("w{seed}");
        team.project(&name);
        team.admin().operation("register_workspace", &json!({ "path": team.path(&name) })).await;
        let mut run = Run::start(&team, &name, u64::try_from(seed).expect("small")).await;
        for _ in 0..count(150, 1_000) {
            run.step().await;
        }
        run.compare().await;
    }
    assert_eq!(team.admin().operation("verify_audit", &json!({})).await["ok"], true);
    team.stop().await;
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Task {
    status: &'static str,
    priority: usize,
    holder: Option<String>,
    assignee: Option<String>,
    needs: BTreeSet<usize>,
    blocked_on: Option<usize>,
    done_once: bool,
    attempts: u64,
}

#[derive(Debug, Default)]
struct Model {
    /// By number, from 1.
    tasks: BTreeMap<usize, Task>,
    /// Numbers of the unread messages of each live session, oldest first.
    mail: BTreeMap<String, Vec<usize>>,
    handoff: Option<usize>,
}

impl Model {
    fn open(&self, task: &Task) -> usize {
        task.needs.iter().filter(|need| !self.tasks[need].done_once).count()
    }

    fn waits(&self, on: usize) -> bool {
        self.tasks.values().any(|task| {
            let open = ["available", "in_progress", "blocked"].contains(&task.status);
            (open && task.needs.contains(&on)) || task.blocked_on == Some(on)
        })
    }

    /// Whether `from` waits for `to`, by needs alone.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![from];
        while let Some(at) = waiting.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                waiting.extend(&self.tasks[&at].needs);
            }
        }
        false
    }

    /// Whether `from` is blocked on a chain that ends at `to`.
    fn chained(&self, from: usize, to: usize) -> bool {
        let mut at = Some(from);
        while let Some(number) = at {
            if number == to {
                return true;
            }
            at = self.tasks[&number].blocked_on;
        }
        false
    }

    fn finish(&mut self, number: usize) {
        let task = self.tasks.get_mut(&number).expect("there");
        task.status = "done";
        task.done_once = true;
        for other in self.tasks.values_mut().filter(|other| other.blocked_on == Some(number)) {
            other.status = "available";
            other.blocked_on = None;
        }
    }

    fn free(&mut self, number: usize) {
        let task = self.tasks.get_mut(&number).expect("there");
        task.status = "available";
        task.holder = None;
        task.blocked_on = None;
    }

    /// Why `agent` cannot claim it.
    fn refuses_claim(&self, number: usize, agent: &str) -> Option<&'static str> {
        let task = &self.tasks[&number];
        match task.status {
            "in_progress" if task.holder.as_deref() == Some(agent) => None,
            "in_progress" => Some("task_held"),
            "blocked" => Some("task_blocked"),
            "done" | "archived" => Some("task_closed"),
            _ if self.open(task) > 0 => Some("dependencies_open"),
            _ if task.assignee.as_deref().is_some_and(|assignee| assignee != agent) => Some("task_assigned"),
            _ => None,
        }
    }

    fn claim(&mut self, number: usize, agent: &str) {
        let task = self.tasks.get_mut(&number).expect("there");
        if task.status == "available" {
            task.attempts += 1;
        }
        task.status = "in_progress";
        task.holder = Some(agent.to_owned());
    }

    /// What only the holder may do.
    fn refuses_end(&self, number: usize, agent: &str) -> Option<&'static str> {
        let task = &self.tasks[&number];
        match task.status {
            "in_progress" if task.holder.as_deref() == Some(agent) => None,
            "in_progress" => Some("task_held"),
            "available" => Some("task_not_held"),
            "blocked" => Some("task_blocked"),
            _ => Some("task_closed"),
        }
    }
}

struct Run<'t> {
    team: &'t Team,
    workspace: String,
    agents: Vec<Agent>,
    model: Model,
    state: u64,
    messages: usize,
}

impl<'t> Run<'t> {
    async fn start(team: &'t Team, workspace: &str, seed: u64) -> Self {
        let mut run = Self {
            team,
            workspace: workspace.to_owned(),
            agents: Vec::new(),
            model: Model::default(),
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            messages: 0,
        };
        for _ in 0..3 {
            run.join().await;
        }
        run
    }

    fn below(&mut self, most: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).expect("small") % most
    }

    async fn join(&mut self) {
        let agent = self.team.agent_in(0, &self.workspace).await;
        // Broadcasts that still stand reach who starts later; the model tells them by number.
        let standing = self.model.mail.remove("").unwrap_or_default();
        self.model.mail.insert(String::new(), standing.clone());
        self.model.mail.insert(agent.id.clone(), standing);
        self.agents.push(agent);
    }

    fn code(&self, number: usize) -> String {
        format!("{}-{number}", self.workspace.to_uppercase())
    }

    /// Calls and compares with what the model expects: done, or refused for this reason.
    async fn expect(&self, agent: &Agent, name: &str, input: Value, refusal: Option<&str>) -> Value {
        match refusal {
            None => agent.does(name, input).await,
            Some(code) => agent.refused(name, input, code).await,
        }
    }

    async fn step(&mut self) {
        let at = self.below(self.agents.len());
        let agent = self.agents[at].clone();
        let known = self.model.tasks.len();
        let number = if known == 0 { 0 } else { self.below(known) + 1 };
        let other = if known == 0 { 0 } else { self.below(known) + 1 };
        match self.below(if known == 0 { 1 } else { 16 }) {
            0 | 1 => self.create(&agent, number).await,
            2 | 3 => {
                let refusal = self.model.refuses_claim(number, &agent.id);
                let input = json!({ "task": self.code(number) });
                self.expect(&agent, "claim_task", input, refusal).await;
                if refusal.is_none() {
                    self.model.claim(number, &agent.id);
                }
            }
            4 => self.next(&agent).await,
            5 => {
                let refusal = self.model.refuses_end(number, &agent.id);
                self.expect(&agent, "release_task", json!({ "task": self.code(number) }), refusal).await;
                if refusal.is_none() {
                    self.model.free(number);
                }
            }
            6 | 7 => {
                let refusal = self.model.refuses_end(number, &agent.id);
                self.expect(&agent, "complete_task", json!({ "task": self.code(number) }), refusal).await;
                if refusal.is_none() {
                    self.model.finish(number);
                }
            }
            8 => self.block(&agent, number, other).await,
            9 => {
                let refusal = (self.model.tasks[&number].status != "blocked").then_some("task_not_blocked");
                self.expect(&agent, "unblock_task", json!({ "task": self.code(number) }), refusal).await;
                if refusal.is_none() {
                    self.model.free(number);
                }
            }
            10 => {
                let closed = ["done", "archived"].contains(&self.model.tasks[&number].status);
                let refusal = (!closed).then_some("task_not_closed");
                self.expect(&agent, "reopen_task", json!({ "task": self.code(number) }), refusal).await;
                if refusal.is_none() {
                    self.model.free(number);
                    self.model.tasks.get_mut(&number).expect("there").done_once = false;
                }
            }
            11 => self.archive(&agent, number).await,
            12 => self.rewire(&agent, number, other).await,
            13 => self.mail(&agent).await,
            14 => self.handoff(&agent).await,
            _ => {
                agent.does("end_session", json!({})).await;
                self.agents.remove(at);
                self.model.mail.remove(&agent.id);
                for task in self.model.tasks.values_mut() {
                    if task.status == "in_progress" && task.holder.as_deref() == Some(&*agent.id) {
                        task.status = "available";
                        task.holder = None;
                    }
                    let open = ["available", "in_progress", "blocked"].contains(&task.status);
                    if open && task.assignee.as_deref() == Some(&*agent.id) {
                        task.assignee = None;
                    }
                }
                self.join().await;
            }
        }
    }

    async fn create(&mut self, agent: &Agent, need: usize) {
        let priority = self.below(4);
        let assign = self.below(5) == 0;
        let needs: BTreeSet<usize> = (need > 0 && self.below(3) == 0).then_some(need).into_iter().collect();
        let dead = needs
            .iter()
            .any(|need| self.model.tasks[need].status == "archived" && !self.model.tasks[need].done_once);
        let mut input = json!({ "title": "t", "priority": format!("p{priority}") });
        input["depends_on"] = needs.iter().map(|need| Value::from(self.code(*need))).collect();
        if assign {
            input["assignee"] = agent.id.clone().into();
        }
        let made = self.expect(agent, "create_task", input, dead.then_some("dependency_archived")).await;
        if dead {
            return;
        }
        let number = self.model.tasks.len() + 1;
        // A refused creation takes no number.
        assert_eq!(made["task"]["code"], self.code(number));
        let assignee = assign.then(|| agent.id.clone());
        self.model
            .tasks
            .insert(number, Task { status: "available", priority, assignee, needs, ..Task::default() });
    }

    async fn next(&mut self, agent: &Agent) {
        let free = |task: &Task| task.status == "available" && self.model.open(task) == 0;
        let best = |mine: bool| {
            let candidates = self.model.tasks.iter().filter(|(_, task)| {
                free(task)
                    && if mine {
                        task.assignee.as_deref() == Some(&*agent.id)
                    } else {
                        task.assignee.is_none()
                    }
            });
            candidates.min_by_key(|(number, task)| (task.priority, **number)).map(|(number, _)| *number)
        };
        let expected = best(true).or_else(|| best(false));
        let given = agent.does("next_task", json!({})).await;
        match expected {
            None => assert_eq!(given["task"], Value::Null),
            Some(number) => {
                assert_eq!(given["task"]["code"], self.code(number));
                self.model.claim(number, &agent.id);
            }
        }
    }

    async fn block(&mut self, agent: &Agent, number: usize, on: usize) {
        let task = &self.model.tasks[&number];
        let blocker = &self.model.tasks[&on];
        let refusal = if blocker.status == "archived" && !blocker.done_once {
            Some("dependency_archived")
        } else if ["done", "archived"].contains(&blocker.status) {
            Some("task_closed")
        } else if self.model.reaches(on, number) || self.model.chained(on, number) {
            Some("dependency_circle")
        } else if task.status == "in_progress" && task.holder.as_deref() != Some(&*agent.id) {
            Some("task_held")
        } else if ["done", "archived"].contains(&task.status) {
            Some("task_closed")
        } else {
            None
        };
        let input = json!({ "task": self.code(number), "reason": "r", "on": self.code(on) });
        self.expect(agent, "block_task", input, refusal).await;
        if refusal.is_none() {
            self.model.free(number);
            let task = self.model.tasks.get_mut(&number).expect("there");
            task.status = "blocked";
            task.blocked_on = Some(on);
        }
    }

    async fn archive(&mut self, agent: &Agent, number: usize) {
        let task = &self.model.tasks[&number];
        let refusal = match task.status {
            "in_progress" if task.holder.as_deref() != Some(&*agent.id) => Some("task_held"),
            "archived" => Some("task_closed"),
            "done" => None,
            _ if self.model.waits(number) => Some("task_needed"),
            _ => None,
        };
        self.expect(agent, "archive_task", json!({ "task": self.code(number) }), refusal).await;
        if refusal.is_none() {
            let done = self.model.tasks[&number].status == "done";
            if !done {
                self.model.free(number);
            }
            self.model.tasks.get_mut(&number).expect("there").status = "archived";
        }
    }

    async fn rewire(&mut self, agent: &Agent, number: usize, need: usize) {
        let task = &self.model.tasks[&number];
        let needed = &self.model.tasks[&need];
        let same = task.needs == BTreeSet::from([need]);
        let refusal = if task.status == "archived" {
            Some("task_closed")
        } else if needed.status == "archived" && !needed.done_once {
            Some("dependency_archived")
        } else if !same && self.model.reaches(need, number) {
            Some("dependency_circle")
        } else {
            None
        };
        let input = json!({ "task": self.code(number), "depends_on": [self.code(need)] });
        self.expect(agent, "update_task", input, refusal).await;
        if refusal.is_none() {
            self.model.tasks.get_mut(&number).expect("there").needs = BTreeSet::from([need]);
        }
    }

    async fn mail(&mut self, agent: &Agent) {
        if self.below(2) == 0 {
            let read = agent
                .does("read_messages", json!({ "limit": 100, "mark_read": true, "max_bytes": 262_144 }))
                .await;
            let subjects: Vec<usize> = read["messages"]
                .as_array()
                .expect("messages")
                .iter()
                .map(|letter| letter["subject"].as_str().expect("a text").parse().expect("a number"))
                .collect();
            let expected = self.model.mail.get_mut(&agent.id).map(std::mem::take).unwrap_or_default();
            assert_eq!(subjects, expected);
            return;
        }
        self.messages += 1;
        let mut input = json!({ "subject": self.messages.to_string() });
        let to = self.below(self.agents.len() + 1);
        let recipients: Vec<String> = match self.agents.get(to) {
            Some(one) => vec![one.id.clone()],
            None => self.agents.iter().map(|other| other.id.clone()).filter(|id| *id != agent.id).collect(),
        };
        if let Some(one) = self.agents.get(to) {
            input["to"] = json!([one.id]);
        } else {
            self.model.mail.entry(String::new()).or_default().push(self.messages);
        }
        let sent = agent.does("send_message", input).await;
        assert_eq!(sent["delivered"], recipients.len());
        for recipient in recipients {
            self.model.mail.entry(recipient).or_default().push(self.messages);
        }
    }

    async fn handoff(&mut self, agent: &Agent) {
        match self.below(3) {
            0 => {
                self.messages += 1;
                agent.does("set_handoff", json!({ "title": self.messages.to_string() })).await;
                self.model.handoff = Some(self.messages);
            }
            verb => {
                let name = if verb == 1 { "pick_handoff" } else { "clear_handoff" };
                let refusal = self.model.handoff.is_none().then_some("no_active_handoff");
                let done = self.expect(agent, name, json!({}), refusal).await;
                if let Some(title) = self.model.handoff.take() {
                    assert_eq!(done["handoff"]["title"], title.to_string());
                }
            }
        }
    }

    /// Every task as the service has it, and the counts over them.
    async fn compare(&self) {
        let mut by_status = BTreeMap::from(
            ["available", "in_progress", "blocked", "done", "archived"].map(|status| (status.to_owned(), 0)),
        );
        for (number, task) in &self.model.tasks {
            *by_status.get_mut(task.status).expect("known") += 1;
            let shown =
                self.team.admin().operation("show_task", &json!({ "task": self.code(*number) })).await;
            let shown = &shown["task"];
            let told = format!("{} {shown}", self.code(*number));
            assert_eq!(shown["status"], task.status, "{told}");
            assert_eq!(shown["attempts"], task.attempts, "{told}");
            assert_eq!(shown["open_dependencies"], self.model.open(task), "{told}");
            assert_eq!(shown["assignee"].as_str(), task.assignee.as_deref(), "{told}");
            if task.status != "done" && task.status != "archived" {
                assert_eq!(shown["holder"].as_str(), task.holder.as_deref(), "{told}");
            }
        }
        let counts =
            self.team.admin().operation("count_tasks", &json!({ "workspace": self.workspace })).await;
        assert_eq!(counts["by_status"], json!(by_status));
    }
}
