//! The process that compiles one component: the program itself, started by the service for just that. It limits itself
//! before it reads anything, takes a component from its input, and leaves machine code, or why there is none, in its
//! output. What becomes of it in the service is in `compiler.rs`.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{Pid, Resource, Rlimit, Signal};
use wasmtime::Engine;

use crate::engine::Layout;

/// The word that the program is started with, before [`Order::words`]. No help shows it.
pub const VERB: &str = "compile-component";

/// It was refused; the output says why.
pub(crate) const REFUSED: u8 = 3;
/// It was not asked as the service asks.
const MISUSED: u8 = 2;

/// As `nice` counts: behind everything that answers requests, and on a busy machine still a third of a share, because
/// somebody may be waiting for what is prepared.
const NICENESS: i32 = 5;

/// What the process is told on its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// The service: when it ends, so does this.
    pub(crate) parent: u32,
    /// Its whole address space, in mebibytes; 0 is no limit.
    pub(crate) memory_mib: u32,
    /// Processor time; 0 is no limit.
    pub(crate) seconds: u32,
    pub(crate) layout: Layout,
}

impl Order {
    pub(crate) fn words(self) -> [String; 4] {
        let Self { parent, memory_mib, seconds, layout } = self;
        let reservation = layout.reservation_bytes.unwrap_or(0);
        [parent.to_string(), memory_mib.to_string(), seconds.to_string(), reservation.to_string()]
    }

    fn read(words: &[String]) -> Option<Self> {
        let [parent, memory_mib, seconds, reservation] = words else { return None };
        let reservation: u64 = reservation.parse().ok()?;
        Some(Self {
            parent: parent.parse().ok()?,
            memory_mib: memory_mib.parse().ok()?,
            seconds: seconds.parse().ok()?,
            layout: Layout { reservation_bytes: (reservation > 0).then_some(reservation) },
        })
    }

    /// Takes everything from this process that it does not need for its one piece of work.
    fn limit(self) -> io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have ended before that took hold.
        let parent = i32::try_from(self.parent).ok().and_then(Pid::from_raw);
        if rustix::process::getppid() != parent {
            return Err(io::Error::other("the service is gone"));
        }
        hold(Resource::Core, 0)?;
        if self.memory_mib > 0 {
            hold(Resource::As, u64::from(self.memory_mib) << 20)?;
        }
        if self.seconds > 0 {
            // At the first a signal tells why, which at the second alone it would not.
            let limit = |seconds: u32| Some(u64::from(seconds));
            let limits =
                Rlimit { current: limit(self.seconds), maximum: limit(self.seconds.saturating_add(1)) };
            rustix::process::setrlimit(Resource::Cpu, limits)?;
        }
        // Where it is not allowed it compiles at normal priority.
        let _niceness = rustix::process::nice(NICENESS);
        // Should memory run out on this machine, this is what may go first.
        drop(fs_err::write("/proc/self/oom_score_adj", "1000"));
        Ok(())
    }
}

fn hold(resource: Resource, most: u64) -> io::Result<()> {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    rustix::process::setrlimit(resource, limit).map_err(io::Error::from)
}

/// Compiles the component on standard input to standard output, as `words` say.
pub fn child(words: &[String]) -> ExitCode {
    let Some(order) = Order::read(words) else { return ExitCode::from(MISUSED) };
    let made = order.limit().map_err(|error| error.to_string()).and_then(|()| {
        let mut wasm = Vec::new();
        io::stdin().lock().read_to_end(&mut wasm).map_err(|error| error.to_string())?;
        machine_code(&wasm, order.layout).map_err(|error| format!("{error:#}"))
    });
    let (bytes, code) = match made {
        Ok(code) => (code, ExitCode::SUCCESS),
        Err(reason) => (reason.into_bytes(), ExitCode::from(REFUSED)),
    };
    let mut output = io::stdout().lock();
    match output.write_all(&bytes).and_then(|()| output.flush()) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

pub(crate) fn machine_code(wasm: &[u8], layout: Layout) -> wasmtime::Result<Vec<u8>> {
    let mut config = layout.config();
    config.enable_compiler(true).cranelift_opt_level(wasmtime::OptLevel::Speed);
    Engine::new(&config)?.precompile_component(wasm)
}
