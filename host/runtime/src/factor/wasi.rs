//! The empty world that components of the `wasm32-wasip2` target expect: no files, no network, no environment, no
//! arguments; stdout and stderr go to the component's log; clocks and randomness only when granted. It is written
//! by hand because the stock one waits: its streams and polls block the thread that serves other requests.

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};

use super::clock::ClockFactor;
use super::log::{LINE_BYTES, LogFactor};
use super::random::RandomFactor;
use super::{ComponentImports, Factor, FactorView, InstanceDefinition};
use crate::guest::state::GuestState;

/// The empty world of one instance. What it answers at all, the factors of the same capability answer.
pub(crate) struct WasiFactor {
    log: LogFactor,
    clock: ClockFactor,
    random: RandomFactor,
}

/// What a guest wrote to stdout and stderr since the last full line.
#[derive(Default)]
pub(crate) struct UnfinishedLine(Vec<u8>);

impl Factor for WasiFactor {
    type State = UnfinishedLine;

    fn link(linker: &mut Linker<GuestState>, imports: &ComponentImports<'_>) -> wasmtime::Result<()> {
        link(linker, imports.component, imports.names)
    }

    fn configure(definition: &InstanceDefinition<'_>) -> Self {
        Self {
            log: LogFactor::configure(definition),
            clock: ClockFactor::configure(definition),
            random: RandomFactor::configure(definition),
        }
    }
}

/// Interfaces that are answered or, for the functions that make no sense here, trap.
const GIVEN: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// The functions of the empty world that are answered, by interface: all that its standard streams need, what a program
/// looks at as it begins, and what is granted. Any other traps when it is called.
const ANSWERED: &[(&str, &[&str])] = &[
    ("wasi:cli/environment", &["get-environment", "get-arguments", "initial-cwd"]),
    ("wasi:cli/exit", &["exit"]),
    ("wasi:cli/stdin", &["get-stdin"]),
    ("wasi:cli/stdout", &["get-stdout"]),
    ("wasi:cli/stderr", &["get-stderr"]),
    ("wasi:cli/terminal-stdin", &["get-terminal-stdin"]),
    ("wasi:cli/terminal-stdout", &["get-terminal-stdout"]),
    ("wasi:cli/terminal-stderr", &["get-terminal-stderr"]),
    ("wasi:clocks/monotonic-clock", &["now", "resolution"]),
    ("wasi:clocks/wall-clock", &["now", "resolution"]),
    ("wasi:filesystem/preopens", &["get-directories"]),
    ("wasi:io/poll", &["[method]pollable.ready", "[method]pollable.block", "poll"]),
    (
        "wasi:io/streams",
        &[
            "[method]input-stream.read",
            "[method]input-stream.blocking-read",
            "[method]input-stream.skip",
            "[method]input-stream.blocking-skip",
            "[method]input-stream.subscribe",
            "[method]output-stream.check-write",
            "[method]output-stream.write",
            "[method]output-stream.blocking-write-and-flush",
            "[method]output-stream.write-zeroes",
            "[method]output-stream.blocking-write-zeroes-and-flush",
            "[method]output-stream.flush",
            "[method]output-stream.blocking-flush",
            "[method]output-stream.subscribe",
        ],
    ),
    ("wasi:random/insecure", &["get-insecure-random-bytes", "get-insecure-random-u64"]),
    ("wasi:random/insecure-seed", &["insecure-seed"]),
    ("wasi:random/random", &["get-random-bytes", "get-random-u64"]),
];

/// Whether a call of this function is answered.
fn is_answered(import: &str, function: &str) -> bool {
    let name = import.split_once('@').map_or(import, |(name, _)| name);
    ANSWERED.iter().any(|(interface, functions)| *interface == name && functions.contains(&function))
}

/// The functions of WASI that a component imports and that would trap if it called them: `interface#function`.
pub(crate) fn unanswered(component: &Component) -> Vec<String> {
    let engine = component.engine();
    let mut found = Vec::new();
    for (import, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else { continue };
        if !is_given(import) {
            continue;
        }
        let functions = interface.exports(engine).filter(|(name, item)| {
            matches!(item.ty, ComponentItem::ComponentFunc(_)) && !is_answered(import, name)
        });
        found.extend(functions.map(|(name, _)| format!("{import}#{name}")));
    }
    found
}

/// Whether an import such as `wasi:io/streams@0.2.9` is part of the empty world.
pub(crate) fn is_given(import: &str) -> bool {
    import.split_once('@').is_some_and(|(name, version)| GIVEN.contains(&name) && version.starts_with("0.2."))
}

/// The component did what ends it here.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Stopped(&'static str);

struct Pollable;
struct StreamError;
struct Input;
struct Output;
struct TerminalInput;
struct TerminalOutput;
struct Descriptor;

#[derive(ComponentType, Lower, Lift)]
#[component(variant)]
enum Broken {
    #[component(name = "last-operation-failed")]
    Failed(Resource<StreamError>),
    #[component(name = "closed")]
    Closed,
}

#[derive(ComponentType, Lower, Lift)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// Links what of WASI the component imports, under the versions that it names.
fn link(linker: &mut Linker<GuestState>, component: &Component, imports: &[String]) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    refuse_all(linker, component)?;
    for import in imports.iter().filter(|import| is_given(import)) {
        let name = import.split_once('@').map_or(import.as_str(), |(name, _)| name);
        let mut instance = linker.instance(import)?;
        borrowed(&mut instance, name)?;
        match name {
            "wasi:cli/environment" => environment(&mut instance)?,
            "wasi:cli/exit" => {
                instance.func_wrap("exit", |_, (_,): (Result<(), ()>,)| -> wasmtime::Result<()> {
                    Err(Stopped("it left through `exit`").into())
                })?;
            }
            "wasi:cli/stdin" => {
                instance.func_wrap("get-stdin", |_, (): ()| Ok((Resource::<Input>::new_own(0),)))?;
            }
            "wasi:cli/stdout" => {
                instance.func_wrap("get-stdout", |_, (): ()| Ok((Resource::<Output>::new_own(1),)))?;
            }
            "wasi:cli/stderr" => {
                instance.func_wrap("get-stderr", |_, (): ()| Ok((Resource::<Output>::new_own(2),)))?;
            }
            "wasi:cli/terminal-input" => nothing::<TerminalInput>(&mut instance, "terminal-input")?,
            "wasi:cli/terminal-output" => nothing::<TerminalOutput>(&mut instance, "terminal-output")?,
            "wasi:cli/terminal-stdin" => instance
                .func_wrap("get-terminal-stdin", |_, (): ()| Ok((None::<Resource<TerminalInput>>,)))?,
            "wasi:cli/terminal-stdout" => instance
                .func_wrap("get-terminal-stdout", |_, (): ()| Ok((None::<Resource<TerminalOutput>>,)))?,
            "wasi:cli/terminal-stderr" => instance
                .func_wrap("get-terminal-stderr", |_, (): ()| Ok((None::<Resource<TerminalOutput>>,)))?,
            "wasi:clocks/monotonic-clock" => monotonic(&mut instance)?,
            "wasi:clocks/wall-clock" => wall(&mut instance)?,
            "wasi:filesystem/preopens" => instance.func_wrap("get-directories", |_, (): ()| {
                Ok((Vec::<(Resource<Descriptor>, String)>::new(),))
            })?,
            "wasi:filesystem/types" => nothing::<Descriptor>(&mut instance, "descriptor")?,
            "wasi:io/error" => nothing::<StreamError>(&mut instance, "error")?,
            "wasi:io/poll" => poll(&mut instance)?,
            "wasi:io/streams" => streams(&mut instance)?,
            "wasi:random/insecure-seed" => {
                instance.func_wrap("insecure-seed", |store: StoreContextMut<'_, GuestState>, (): ()| {
                    Ok(((number(&store), number(&store)),))
                })?;
            }
            "wasi:random/insecure" => {
                numbers(&mut instance, "get-insecure-random-bytes", "get-insecure-random-u64")?;
            }
            "wasi:random/random" => numbers(&mut instance, "get-random-bytes", "get-random-u64")?,
            _ => {}
        }
    }
    linker.allow_shadowing(false);
    Ok(())
}

/// Every function of WASI without an answer traps. Only WASI's: an interface of `brains:plugin` is found by
/// its minor version, and a trap under the exact name of another patch would stand in its way.
fn refuse_all(linker: &mut Linker<GuestState>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    for (import, item) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else { continue };
        if !is_given(import) {
            continue;
        }
        let mut instance = linker.instance(import)?;
        for (name, item) in interface.exports(&engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) if !is_answered(import, name) => {
                    let full = format!("{import}#{name}");
                    instance.func_new(name, move |_, _, _, _| {
                        Err(wasmtime::Error::msg(format!("unknown import: `{full}` has no answer")))
                    })?;
                }
                ComponentItem::Resource(_) => nothing::<()>(&mut instance, name)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// Resources that an interface takes over from another one: its instance names them again.
fn borrowed(instance: &mut LinkerInstance<'_, GuestState>, interface: &str) -> wasmtime::Result<()> {
    match interface {
        "wasi:cli/stdin" => nothing::<Input>(instance, "input-stream"),
        "wasi:cli/stdout" | "wasi:cli/stderr" => nothing::<Output>(instance, "output-stream"),
        "wasi:cli/terminal-stdin" => nothing::<TerminalInput>(instance, "terminal-input"),
        "wasi:cli/terminal-stdout" | "wasi:cli/terminal-stderr" => {
            nothing::<TerminalOutput>(instance, "terminal-output")
        }
        "wasi:clocks/monotonic-clock" => nothing::<Pollable>(instance, "pollable"),
        "wasi:filesystem/preopens" => nothing::<Descriptor>(instance, "descriptor"),
        "wasi:filesystem/types" => {
            nothing::<Input>(instance, "input-stream")?;
            nothing::<Output>(instance, "output-stream")?;
            nothing::<StreamError>(instance, "error")
        }
        "wasi:io/streams" => {
            nothing::<StreamError>(instance, "error")?;
            nothing::<Pollable>(instance, "pollable")
        }
        _ => Ok(()),
    }
}

/// A resource of which there is never one.
fn nothing<T: 'static>(instance: &mut LinkerInstance<'_, GuestState>, name: &str) -> wasmtime::Result<()> {
    instance.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))
}

fn environment(instance: &mut LinkerInstance<'_, GuestState>) -> wasmtime::Result<()> {
    instance.func_wrap("get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    instance.func_wrap("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
    instance.func_wrap("initial-cwd", |_, (): ()| Ok((None::<String>,)))
}

fn monotonic(instance: &mut LinkerInstance<'_, GuestState>) -> wasmtime::Result<()> {
    instance.func_wrap("now", |store: StoreContextMut<'_, GuestState>, (): ()| {
        Ok((store.data().context.factors.wasi.clock.monotonic_us().saturating_mul(1_000),))
    })?;
    instance.func_wrap("resolution", |_, (): ()| Ok((1_000_u64,)))
}

fn wall(instance: &mut LinkerInstance<'_, GuestState>) -> wasmtime::Result<()> {
    instance.func_wrap("now", |store: StoreContextMut<'_, GuestState>, (): ()| {
        let ms = store.data().context.factors.wasi.clock.now_ms();
        let nanoseconds = u32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
        Ok((Datetime { seconds: ms / 1_000, nanoseconds },))
    })?;
    instance.func_wrap("resolution", |_, (): ()| Ok((Datetime { seconds: 0, nanoseconds: 1_000_000 },)))
}

fn numbers(instance: &mut LinkerInstance<'_, GuestState>, bytes: &str, one: &str) -> wasmtime::Result<()> {
    instance.func_wrap(bytes, |store: StoreContextMut<'_, GuestState>, (count,): (u64,)| {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let drawn = store.data().context.factors.wasi.random.bytes(count);
        if drawn.is_empty() && count > 0 {
            return Err(Stopped("randomness is not granted").into());
        }
        Ok((drawn,))
    })?;
    instance.func_wrap(one, |store: StoreContextMut<'_, GuestState>, (): ()| Ok((number(&store),)))
}

/// The seed of hash maps, among others: a constant unless randomness is granted.
fn number(store: &StoreContextMut<'_, GuestState>) -> u64 {
    store
        .data()
        .context
        .factors
        .wasi
        .random
        .bytes(8)
        .try_into()
        .map_or(0x9e37_79b9_7f4a_7c15, u64::from_le_bytes)
}

const WRITE_BYTES: u64 = 64 * 1024;

type Written = wasmtime::Result<(Result<(), Broken>,)>;

/// Nothing here makes anybody wait: what is waited for is there.
fn poll(instance: &mut LinkerInstance<'_, GuestState>) -> wasmtime::Result<()> {
    nothing::<Pollable>(instance, "pollable")?;
    instance.func_wrap("[method]pollable.ready", |_, (_,): (Resource<Pollable>,)| Ok((true,)))?;
    instance.func_wrap("[method]pollable.block", |_, (_,): (Resource<Pollable>,)| Ok(()))?;
    instance.func_wrap("poll", |_, (all,): (Vec<Resource<Pollable>>,)| {
        let ready = (0..).take(all.len()).collect::<Vec<u32>>();
        Ok((ready,))
    })
}

fn streams(instance: &mut LinkerInstance<'_, GuestState>) -> wasmtime::Result<()> {
    nothing::<Input>(instance, "input-stream")?;
    nothing::<Output>(instance, "output-stream")?;
    for read in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        instance.func_wrap(read, |_, (_, _): (Resource<Input>, u64)| {
            Ok((Err::<Vec<u8>, Broken>(Broken::Closed),))
        })?;
    }
    for skip in ["[method]input-stream.skip", "[method]input-stream.blocking-skip"] {
        instance
            .func_wrap(skip, |_, (_, _): (Resource<Input>, u64)| Ok((Err::<u64, Broken>(Broken::Closed),)))?;
    }
    let pollable = || Ok((Resource::<Pollable>::new_own(0),));
    instance.func_wrap("[method]input-stream.subscribe", move |_, (_,): (Resource<Input>,)| pollable())?;
    instance.func_wrap("[method]output-stream.subscribe", move |_, (_,): (Resource<Output>,)| pollable())?;
    // Zeroes are no text: they are taken and leave no line.
    let zeroes =
        ["[method]output-stream.write-zeroes", "[method]output-stream.blocking-write-zeroes-and-flush"];
    for write in zeroes {
        instance.func_wrap(write, |_, (_, _): (Resource<Output>, u64)| -> Written { Ok((Ok(()),)) })?;
    }
    instance.func_wrap("[method]output-stream.check-write", |_, (_,): (Resource<Output>,)| {
        Ok((Ok::<u64, Broken>(WRITE_BYTES),))
    })?;
    for write in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        instance.func_wrap(
            write,
            |mut store: StoreContextMut<'_, GuestState>,
             (_, bytes): (Resource<Output>, Vec<u8>)|
             -> Written {
                WasiFactor::view(store.data_mut()).print(&bytes);
                Ok((Ok(()),))
            },
        )?;
    }
    for flush in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        instance.func_wrap(
            flush,
            |mut store: StoreContextMut<'_, GuestState>, (_,): (Resource<Output>,)| -> Written {
                WasiFactor::view(store.data_mut()).end_line();
                Ok((Ok(()),))
            },
        )?;
    }
    Ok(())
}

impl FactorView<'_, WasiFactor> {
    fn print(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.end_line();
            } else if self.state.0.len() < LINE_BYTES {
                self.state.0.push(*byte);
            }
        }
    }

    /// What was printed is one line of the log, whether it ends as one or not.
    pub(crate) fn end_line(&mut self) {
        if !self.state.0.is_empty() {
            let line = std::mem::take(&mut self.state.0);
            self.factor.log.write(tracing::Level::INFO, &String::from_utf8_lossy(&line), &[]);
        }
    }
}

#[cfg(test)]
mod tests;
