//! What an upstream of this wire gets and says: the canonical request as a body, answers and streams as canonical events.
