//! What the last calls of one model say about it: the policy's tie-breakers. A bad record fades with time, for a model
//! that is passed over gets no calls that could clear it.

/// After this long without a call a share of failures counts half.
pub(super) const HALF_LIFE_MS: u64 = 15_000;
/// Weight of the newest call in the moving averages.
const NEWEST: f32 = 0.2;

/// The health of one provider's model.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ModelHealth {
    /// Attempts under way.
    pub(crate) in_flight: u32,
    /// Moving share of failed calls, 0 to 1, as of `at_ms`.
    pub(crate) error_rate: f32,
    /// When the share was last brought up to date.
    at_ms: u64,
    /// Moving time to the first byte; none before the first good call.
    pub(crate) first_byte_ms: Option<u32>,
}

impl ModelHealth {
    /// As it stands at `now_ms`.
    pub(super) fn at(mut self, now_ms: u64) -> Self {
        self.fade(now_ms);
        self
    }

    /// An attempt begins.
    pub(super) const fn started(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// An attempt ends. `good` is none when it says nothing about the provider: the client left, or its request was bad.
    pub(super) fn ended(&mut self, good: Option<bool>, first_byte_ms: Option<u64>, now_ms: u64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(good) = good else { return };
        self.fade(now_ms);
        let newest = if good { 0.0 } else { 1.0 };
        self.error_rate += NEWEST * (newest - self.error_rate);
        if let (true, Some(ms)) = (good, first_byte_ms.and_then(|ms| u32::try_from(ms).ok())) {
            self.first_byte_ms = Some(self.first_byte_ms.map_or(ms, |old| old - old / 5 + ms / 5));
        }
    }

    /// A probe has shown that the provider answers again.
    pub(super) const fn recovered(&mut self) {
        self.error_rate = 0.0;
    }

    #[expect(clippy::cast_precision_loss, reason = "a span of time; a millisecond more or less is nothing")]
    fn fade(&mut self, now_ms: u64) {
        let idle = now_ms.saturating_sub(self.at_ms) as f32 / HALF_LIFE_MS as f32;
        self.error_rate *= (-idle).exp2();
        self.at_ms = now_ms;
    }
}
