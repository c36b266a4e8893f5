use super::*;

#[test]
fn a_component_gets_what_it_asks_for_up_to_a_ceiling_and_the_operator_has_the_last_word() {
    let said = |memory_mib, call_ms, output_kib| Wanted { memory_mib, call_ms, output_kib };
    let none = Wanted::default();
    assert_eq!(CallLimits::of(Plays::Provider, none, none), CallLimits::PROVIDER);
    assert_eq!(CallLimits::of(Plays::Policy, none, none), CallLimits::JUDGE);
    let asked = CallLimits::of(Plays::Classifier, said(Some(128), Some(40), Some(64)), none);
    assert_eq!((asked.memory_bytes, asked.call_ms, asked.output_bytes), (128 * MIB, 40, 64 * 1024));
    let greedy = CallLimits::of(Plays::Provider, said(Some(4_096), Some(60_000), Some(u32::MAX)), none);
    assert_eq!((greedy.memory_bytes, greedy.call_ms), (MOST_MEMORY_BYTES, MOST_CALL_MS));
    assert_eq!(greedy.output_bytes, CallLimits::PROVIDER.output_bytes);
    let told =
        CallLimits::of(Plays::Provider, said(Some(128), Some(40), None), said(Some(16), Some(500), None));
    assert_eq!((told.memory_bytes, told.call_ms), (16 * MIB, 500));
}
