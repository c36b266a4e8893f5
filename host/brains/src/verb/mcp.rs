//! The tools over stdio, for a client that starts its servers. Calls go to the running service, so that everybody
//! shares one; with none running they are done here, on the same database. Which it is, is asked anew for every call:
//! a service may come and go while an agent works.

use std::collections::BTreeMap;
use std::sync::Arc;

use brains_control::Registry;
use brains_core::{Fault, Id, Principal, id};
use brains_mcp::{Answer, Call, Options, Profile, Tools, serve_stdio};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::cli::Mcp;
use crate::house::House;
use crate::instance;
use crate::log;
use crate::shell::Shell;
use crate::verb::call;

/// Serves the client that started this process until it closes its end.
pub(crate) async fn stdio(shell: Shell, wanted: &Mcp) -> Result<(), anyhow::Error> {
    log::start(None, shell.global.verbose)?;
    let profile = wanted.profile.as_deref().map_or(Ok(Profile::default()), Profile::parse)?;
    // Only this process knows it: it stands for the agent for as long as the process lives.
    let connection = Id::<id::Request>::mint(&*shell.ambient).as_str().to_owned();
    let directory = std::env::current_dir().ok();
    let tools = Arc::new(Nearest { shell, registry: Registry::new(), house: OnceCell::new() });
    let options = Options { tools: tools.clone(), profile, version: crate::VERSION };
    let served =
        serve_stdio(options, Principal::local(), connection, directory, CancellationToken::new()).await;
    if let Some(house) = Arc::into_inner(tools).and_then(|tools| tools.house.into_inner()) {
        house.close().await;
    }
    Ok(served?)
}

/// The operations of the running service, else of this process.
#[derive(Debug)]
struct Nearest {
    shell: Shell,
    registry: Registry,
    /// Opened by the first call that finds no service.
    house: OnceCell<House>,
}

impl Nearest {
    async fn run(&self, asked: Call<'_>) -> Result<Answer, Fault> {
        let shell = &self.shell;
        let elsewhere = shell.global.db.is_some() || shell.global.config.is_some();
        let running = instance::running(&shell.home)?.filter(|_| !elsewhere);
        if let Some(running) = &running
            && let Some(url) = running.gateway()
        {
            let service = call::client(shell, running, url);
            let (value, notice) = service.operation(asked.name, &asked.input, asked.caller).await?;
            return Ok(Answer { value, notice });
        }
        let house = self.house.get_or_try_init(|| self.open()).await?;
        Tools::call(&*house.control, asked).await
    }

    async fn open(&self) -> Result<House, Fault> {
        let sources = self.shell.sources(BTreeMap::new())?;
        let opened = House::open(&self.shell.home, sources, self.shell.ambient.clone(), None).await;
        opened.map_err(|error| match error.downcast::<Fault>() {
            Ok(fault) => fault,
            Err(error) => Fault::unavailable(format!("{error:#}")),
        })
    }
}

impl Tools for Nearest {
    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send + 'a>> {
        Box::pin(self.run(call))
    }
}
