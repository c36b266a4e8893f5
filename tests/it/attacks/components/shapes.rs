//! Components that are made to be expensive: each is a sound one with a module beside it that no honest build would make,
//! or no component at all.

use brains_tests::components::component;
use wasm_encoder::{
    BlockType, CodeSection, CustomSection, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, Instruction, Module, TypeSection, ValType,
};

/// A file, and the words of the refusal that it must meet.
pub(super) struct Shape {
    pub(super) what: &'static str,
    pub(super) word: &'static str,
    pub(super) make: fn(tag: u32) -> Vec<u8>,
    /// The ways in by which the program refused it at once before, too.
    pub(super) held: &'static [&'static str],
}

/// Every shape that is refused before anything is compiled.
pub(super) fn refused() -> Vec<Shape> {
    let shape = |what, word, make| Shape { what, word, make, held: &[] };
    let held = |what, word, make| Shape { what, word, make, held: &["dropped", "added", "named"] };
    vec![
        shape("a function with a thousand live variables", "local variables times bytes", live_variables),
        shape("300,000 tiny functions", "functions", many_functions),
        shape("blocks a hundred thousand deep", "blocks inside each other", deep_blocks),
        shape("one function of four megabytes", "bytes in one function", huge_function),
        shape("50,000 variables in one function", "local variables in one function", many_variables),
        held("a thousand modules in one component", "modules", many_modules),
        shape("components inside each other", "inside each other", nested),
        shape("100,000 types", "types", many_types),
        shape("50,000 imports", "imports", many_imports),
        shape("100,000 exports", "exports", many_exports),
        shape("100,000 custom sections", "custom sections", many_notes),
        Shape { held: &["added"], ..shape("a file of 128 MiB", "larger than 64 MiB", huge_file) },
        held("a component cut in half", "not a component", truncated),
        held("no WebAssembly at all", "not a component", |tag| format!("nonsense {tag}").into_bytes()),
        held("a plain module", "not a component", |tag| noted(Module::new().finish(), tag)),
    ]
}

/// What users of the compiler reported to take it too long, or too much memory. Whether that is so depends on its version:
/// they are compiled, or refused for what they take.
pub(super) fn reported() -> Vec<(&'static str, fn(tag: u32) -> Vec<u8>)> {
    vec![
        // github.com/bytecodealliance/wasmtime/issues/4923
        ("15,000 blocks that look at a variable", chained_blocks),
        // github.com/bytecodealliance/wasmtime/issues/4291, 3523: values that live over many ways.
        ("jumps over many values to many places", many_ways),
        // github.com/bytecodealliance/wasmtime/issues/3414
        ("a hundred functions of deep blocks", many_deep_functions),
    ]
}

/// Within every bound, and much work for a compiler: a great many functions that are each as hard as one may be.
pub(super) fn slow(tag: u32) -> Vec<u8> {
    made(&repeated(75, 110, 40_000), tag)
}

/// A sound component with a module that it makes an instance of: what nothing does that with need not be compiled.
fn made(module: &[u8], tag: u32) -> Vec<u8> {
    let sound = component("provider-echo");
    let at = modules(&sound);
    let mut instance = vec![1, 0];
    leb128(at, &mut instance);
    instance.push(0);
    noted(section(section(sound, 1, module), 2, &instance), tag)
}

fn chained_blocks(tag: u32) -> Vec<u8> {
    let mut body = Function::new([(1, ValType::I32)]);
    for _ in 0..15_000 {
        body.instruction(&Instruction::Block(BlockType::Empty));
        body.instruction(&Instruction::I32Const(1));
        body.instruction(&Instruction::LocalGet(0));
        body.instruction(&Instruction::I32Add);
        body.instruction(&Instruction::LocalSet(0));
        body.instruction(&Instruction::End);
    }
    body.instruction(&Instruction::End);
    made(&functions(1, &body, &[]), tag)
}

fn many_ways(tag: u32) -> Vec<u8> {
    const PLACES: u32 = 60;
    let mut body = Function::new([(90, ValType::I64)]);
    for _ in 0..PLACES {
        body.instruction(&Instruction::Block(BlockType::Empty));
    }
    for round in 0..40 {
        let ways: Vec<u32> = (0..2_000).map(|way| (way * 7 + round) % PLACES).collect();
        for at in 0..90 {
            body.instruction(&Instruction::LocalGet((at + round) % 90));
            body.instruction(&Instruction::LocalSet(at));
        }
        body.instruction(&Instruction::Block(BlockType::Empty));
        body.instruction(&Instruction::LocalGet(round % 90));
        body.instruction(&Instruction::I32WrapI64);
        body.instruction(&Instruction::BrTable(ways.into(), 0));
        body.instruction(&Instruction::End);
    }
    for _ in 0..=PLACES {
        body.instruction(&Instruction::End);
    }
    made(&functions(5, &body, &[]), tag)
}

fn many_deep_functions(tag: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    for _ in 0..400 {
        body.instruction(&Instruction::Block(BlockType::Empty));
    }
    for _ in 0..=400 {
        body.instruction(&Instruction::End);
    }
    made(&functions(100, &body, &[]), tag)
}

/// How many modules stand in a component itself.
fn modules(wasm: &[u8]) -> usize {
    let (mut at, mut found) = (8, 0);
    while at < wasm.len() {
        found += usize::from(wasm[at] == 1);
        let (mut size, mut shift) = (0, 0);
        loop {
            at += 1;
            size |= usize::from(wasm[at] & 0x7f) << shift;
            shift += 7;
            if wasm[at] < 0x80 {
                break;
            }
        }
        at += 1 + size;
    }
    found
}

fn leb128(mut value: usize, bytes: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}

/// The file under another digest.
fn noted(mut wasm: Vec<u8>, tag: u32) -> Vec<u8> {
    wasm.extend_from_slice(&[0, 8, 3, b't', b'a', b'g']);
    wasm.extend_from_slice(&tag.to_le_bytes());
    wasm
}

fn section(mut wasm: Vec<u8>, id: u8, content: &[u8]) -> Vec<u8> {
    wasm.push(id);
    leb128(content.len(), &mut wasm);
    wasm.extend_from_slice(content);
    wasm
}

/// A sound component with a module beside it.
fn beside(module: &[u8], tag: u32) -> Vec<u8> {
    noted(section(component("provider-echo"), 1, module), tag)
}

/// `count` functions of `variables` variables and so many steps each.
fn repeated(count: u32, variables: u32, steps: u32) -> Vec<u8> {
    let mut body = Function::new([(variables, ValType::I64)]);
    for step in 0..steps {
        let at = step % variables;
        body.instruction(&Instruction::LocalGet((at * 7 + 3) % variables));
        body.instruction(&Instruction::LocalGet((at * 13 + 5) % variables));
        body.instruction(&Instruction::I64RemU);
        body.instruction(&Instruction::LocalSet(at));
    }
    for at in 0..variables {
        body.instruction(&Instruction::LocalGet(at));
    }
    for _ in 1..variables {
        body.instruction(&Instruction::I64Xor);
    }
    body.instruction(&Instruction::End);
    functions(count, &body, &[ValType::I64])
}

fn functions(count: u32, body: &Function, results: &[ValType]) -> Vec<u8> {
    let (mut types, mut declared, mut code) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], results.iter().copied());
    for _ in 0..count {
        declared.function(0);
        code.function(body);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    module.finish()
}

fn live_variables(tag: u32) -> Vec<u8> {
    beside(&repeated(1, 1_000, 60_000), tag)
}

fn many_functions(tag: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    body.instruction(&Instruction::End);
    beside(&functions(300_000, &body, &[]), tag)
}

fn deep_blocks(tag: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    for _ in 0..100_000 {
        body.instruction(&Instruction::Block(BlockType::Empty));
    }
    for _ in 0..=100_000 {
        body.instruction(&Instruction::End);
    }
    beside(&functions(1, &body, &[]), tag)
}

fn huge_function(tag: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    for _ in 0..4 << 20 {
        body.instruction(&Instruction::Nop);
    }
    body.instruction(&Instruction::End);
    beside(&functions(1, &body, &[]), tag)
}

fn many_variables(tag: u32) -> Vec<u8> {
    let mut body = Function::new([(49_000, ValType::I64)]);
    body.instruction(&Instruction::End);
    beside(&functions(1, &body, &[]), tag)
}

fn many_modules(tag: u32) -> Vec<u8> {
    let module = Module::new().finish();
    let wasm = (0..1_000).fold(component("provider-echo"), |wasm, _| section(wasm, 1, &module));
    noted(wasm, tag)
}

fn nested(tag: u32) -> Vec<u8> {
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
    let inner = (0..100).fold(EMPTY.to_vec(), |inner, _| section(EMPTY.to_vec(), 4, &inner));
    noted(section(component("provider-echo"), 4, &inner), tag)
}

fn many_types(tag: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    for _ in 0..100_000 {
        types.ty().function([ValType::I64; 8], [ValType::I64; 8]);
    }
    let mut module = Module::new();
    module.section(&types);
    beside(&module.finish(), tag)
}

fn many_imports(tag: u32) -> Vec<u8> {
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    types.ty().function([], []);
    for at in 0..50_000 {
        imports.import("m", &at.to_string(), wasm_encoder::EntityType::Function(0));
    }
    let mut module = Module::new();
    module.section(&types).section(&imports);
    beside(&module.finish(), tag)
}

fn many_exports(tag: u32) -> Vec<u8> {
    let (mut types, mut declared) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    types.ty().function([], []);
    declared.function(0);
    for at in 0..100_000 {
        exports.export(&at.to_string(), ExportKind::Func, 0);
    }
    let mut body = Function::new([]);
    body.instruction(&Instruction::End);
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&exports).section(&code);
    beside(&module.finish(), tag)
}

fn many_notes(tag: u32) -> Vec<u8> {
    let mut module = Module::new();
    for _ in 0..100_000 {
        module.section(&CustomSection { name: "n".into(), data: (&[]).into() });
    }
    beside(&module.finish(), tag)
}

fn huge_file(tag: u32) -> Vec<u8> {
    noted(section(component("provider-echo"), 0, &[b"\x01x".as_slice(), &vec![0; 128 << 20]].concat()), tag)
}

fn truncated(tag: u32) -> Vec<u8> {
    let mut wasm = component("provider-echo");
    wasm.truncate(wasm.len() / 2 + tag as usize);
    wasm
}
