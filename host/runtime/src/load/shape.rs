//! What of a component's file must stay within bounds for it to be compiled at all: how much there is of each thing that a
//! compiler works on. Read as a stream, before anything else looks at the file, so that no file costs more than its own
//! length. The bounds leave interpreters with whole programs in them room to spare (docs/decisions/0017).

use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

use crate::load::LoadError;

/// The largest file, which is also the largest upload.
pub(crate) const FILE_BYTES: u64 = 64 << 20;

/// Every bound, as it is named to whoever meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) what: &'static str,
    pub(crate) most: u64,
}

const fn bound(what: &'static str, most: u64) -> Bound {
    Bound { what, most }
}

const FILE: Bound = bound("bytes in all", FILE_BYTES);
const CODE: Bound = bound("bytes of code", 24 << 20);
const FUNCTIONS: Bound = bound("functions", 60_000);
const BODY: Bound = bound("bytes in one function", 1 << 20);
const LOCALS: Bound = bound("local variables in one function", 2_000);
const EFFORT: Bound = bound("local variables times bytes of one function", 32_000_000);
const BLOCKS: Bound = bound("blocks inside each other", 2_000);
const LEVELS: Bound = bound("components and modules inside each other", 16);
const MODULES: Bound = bound("modules", 200);
const COMPONENTS: Bound = bound("components", 200);
const INSTANCES: Bound = bound("instances", 2_000);
const TYPES: Bound = bound("types", 50_000);
const IMPORTS: Bound = bound("imports", 10_000);
const EXPORTS: Bound = bound("exports", 50_000);
const ALIASES: Bound = bound("aliases", 50_000);
const ADAPTERS: Bound = bound("functions between components", 10_000);
const SEGMENTS: Bound = bound("segments of data and elements", 50_000);
const ELEMENTS: Bound = bound("elements of tables", 500_000);
const GLOBALS: Bound = bound("globals, tables, memories and tags", 20_000);
const CUSTOM: Bound = bound("custom sections", 10_000);

/// What was counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    pub(crate) file: u64,
    pub(crate) custom: u64,
    pub(crate) code: CodeShape,
    pub(crate) nesting: NestingShape,
    pub(crate) declarations: DeclarationShape,
    pub(crate) data: DataShape,
}

/// Of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CodeShape {
    pub(crate) bytes: u64,
    pub(crate) functions: u64,
    pub(crate) body: u64,
    pub(crate) locals: u64,
    pub(crate) effort: u64,
    pub(crate) blocks: u64,
}

/// Of what is inside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NestingShape {
    pub(crate) levels: u64,
    pub(crate) modules: u64,
    pub(crate) components: u64,
    pub(crate) instances: u64,
}

/// Of what is declared between its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DeclarationShape {
    pub(crate) types: u64,
    pub(crate) imports: u64,
    pub(crate) exports: u64,
    pub(crate) aliases: u64,
    pub(crate) adapters: u64,
}

/// Of what is not code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DataShape {
    pub(crate) segments: u64,
    pub(crate) elements: u64,
    pub(crate) globals: u64,
}

/// Counts all of it and refuses at the first bound that is met.
pub(crate) fn measure(bytes: &[u8]) -> Result<Shape, LoadError> {
    let mut shape = Shape::default();
    add(&mut shape.file, bytes.len() as u64, FILE)?;
    let mut level = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        shape.take(payload.map_err(broken)?, &mut level)?;
    }
    Ok(shape)
}

impl Shape {
    fn take(&mut self, payload: Payload<'_>, level: &mut u64) -> Result<(), LoadError> {
        match payload {
            Payload::ModuleSection { .. } => {
                one(&mut self.nesting.modules, MODULES)?;
                self.enter(level)
            }
            Payload::ComponentSection { .. } => {
                one(&mut self.nesting.components, COMPONENTS)?;
                self.enter(level)
            }
            Payload::End(_) => {
                *level = level.saturating_sub(1);
                Ok(())
            }
            Payload::TypeSection(all) => add(&mut self.declarations.types, all.count().into(), TYPES),
            Payload::CoreTypeSection(all) => add(&mut self.declarations.types, all.count().into(), TYPES),
            Payload::ComponentTypeSection(all) => {
                add(&mut self.declarations.types, all.count().into(), TYPES)?;
                // A type may hold declarations of its own.
                all.into_iter().try_for_each(|kind| self.kind(&kind.map_err(broken)?))
            }
            Payload::ImportSection(all) => add(&mut self.declarations.imports, all.count().into(), IMPORTS),
            Payload::ComponentImportSection(all) => {
                add(&mut self.declarations.imports, all.count().into(), IMPORTS)
            }
            Payload::ExportSection(all) => add(&mut self.declarations.exports, all.count().into(), EXPORTS),
            Payload::ComponentExportSection(all) => {
                add(&mut self.declarations.exports, all.count().into(), EXPORTS)
            }
            Payload::InstanceSection(all) => add(&mut self.nesting.instances, all.count().into(), INSTANCES),
            Payload::ComponentInstanceSection(all) => {
                add(&mut self.nesting.instances, all.count().into(), INSTANCES)
            }
            Payload::ComponentAliasSection(all) => {
                add(&mut self.declarations.aliases, all.count().into(), ALIASES)
            }
            Payload::ComponentCanonicalSection(all) => {
                add(&mut self.declarations.adapters, all.count().into(), ADAPTERS)
            }
            Payload::DataSection(all) => add(&mut self.data.segments, all.count().into(), SEGMENTS),
            Payload::ElementSection(all) => {
                add(&mut self.data.segments, all.count().into(), SEGMENTS)?;
                all.into_iter().try_for_each(|element| {
                    let count = match element.map_err(broken)?.items {
                        wasmparser::ElementItems::Functions(items) => items.count(),
                        wasmparser::ElementItems::Expressions(_, items) => items.count(),
                    };
                    add(&mut self.data.elements, count.into(), ELEMENTS)
                })
            }
            Payload::GlobalSection(all) => add(&mut self.data.globals, all.count().into(), GLOBALS),
            Payload::TableSection(all) => add(&mut self.data.globals, all.count().into(), GLOBALS),
            Payload::MemorySection(all) => add(&mut self.data.globals, all.count().into(), GLOBALS),
            Payload::TagSection(all) => add(&mut self.data.globals, all.count().into(), GLOBALS),
            Payload::FunctionSection(all) => add(&mut self.code.functions, all.count().into(), FUNCTIONS),
            Payload::CustomSection(_) => one(&mut self.custom, CUSTOM),
            Payload::CodeSectionEntry(body) => self.function(&body),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, level: &mut u64) -> Result<(), LoadError> {
        *level += 1;
        largest(&mut self.nesting.levels, *level, LEVELS)
    }

    fn kind(&mut self, kind: &wasmparser::ComponentType<'_>) -> Result<(), LoadError> {
        let declarations = match kind {
            wasmparser::ComponentType::Component(inner) => inner.len(),
            wasmparser::ComponentType::Instance(inner) => inner.len(),
            _ => 0,
        };
        add(&mut self.declarations.types, declarations as u64, TYPES)
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), LoadError> {
        let range = body.range();
        let size = range.end.saturating_sub(range.start) as u64;
        add(&mut self.code.bytes, size, CODE)?;
        largest(&mut self.code.body, size, BODY)?;
        let mut locals: u64 = 0;
        for group in body.get_locals_reader().map_err(broken)? {
            locals = locals.saturating_add(group.map_err(broken)?.0.into());
        }
        largest(&mut self.code.locals, locals, LOCALS)?;
        largest(&mut self.code.effort, locals.saturating_mul(size), EFFORT)?;
        let mut depth: u64 = 0;
        let mut operators = body.get_operators_reader().map_err(broken)?;
        while !operators.eof() {
            match operators.read().map_err(broken)? {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::TryTable { .. } => {
                    depth += 1;
                    largest(&mut self.code.blocks, depth, BLOCKS)?;
                }
                Operator::End => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        Ok(())
    }
}

fn one(counted: &mut u64, bound: Bound) -> Result<(), LoadError> {
    add(counted, 1, bound)
}

fn add(counted: &mut u64, more: u64, bound: Bound) -> Result<(), LoadError> {
    *counted = counted.saturating_add(more);
    within(*counted, bound)
}

fn largest(counted: &mut u64, found: u64, bound: Bound) -> Result<(), LoadError> {
    *counted = found.max(*counted);
    within(found, bound)
}

fn within(found: u64, bound: Bound) -> Result<(), LoadError> {
    if found > bound.most {
        Err(LoadError::TooLarge { what: bound.what, found, most: bound.most })
    } else {
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
pub(crate) fn broken(error: BinaryReaderError) -> LoadError {
    LoadError::NotAComponent { reason: error.to_string() }
}

#[cfg(test)]
mod tests;
