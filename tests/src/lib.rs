//! Conformance, end-to-end runs and fault injection.
