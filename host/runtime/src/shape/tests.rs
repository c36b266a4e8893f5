use super::measure;

#[test]
fn prints() {
    for path in ["/tmp/compile/js.wasm", "/tmp/compile/py.wasm", "../../target/bundle/provider-openai.wasm"] {
        let t = std::time::Instant::now();
        println!("{path}: {:?} {:?}", measure(&std::fs::read(path).unwrap()), t.elapsed());
    }
}
