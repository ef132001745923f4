//! Targets that misbehave.
