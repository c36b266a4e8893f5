//! Problems as the user wrote what they are about: the key that stands in the file, and its line.

use super::document::line_of;
use super::layers::{Layer, Layers, Source};
use super::path;
use super::resolve::Problem;
use super::schema::Schema;

/// Names in each problem of a file the key that stands there, which may be a flat one, and its line.
pub(super) fn locate(problems: &mut [Problem], layers: &Layers, schema: &Schema) {
    for problem in problems {
        let source = match problem.place.layer {
            Layer::Yaml => &layers.yaml,
            Layer::Overlay => &layers.overlay,
            Layer::Default | Layer::Manifest | Layer::Bundle | Layer::Environment | Layer::Flag => &None,
        };
        let (Some(source), Some(path)) = (source, path::parse(&problem.path)) else { continue };
        let path = as_written(source, &path, schema).unwrap_or(path);
        problem.place.line = line_of(&source.text, &path);
        if problem.place.line.is_some() {
            problem.path = path::dotted(&path);
        }
    }
}

/// The flat key that stands in the file in place of `path`.
fn as_written(source: &Source, path: &[String], schema: &Schema) -> Option<Vec<String>> {
    let leads_there = |name: &&str| schema.flat(name).is_some_and(|goal| path.starts_with(goal));
    let name = schema.flat_keys().find(leads_there)?;
    let flat = vec![name.to_owned()];
    line_of(&source.text, &flat).map(|_| flat)
}
