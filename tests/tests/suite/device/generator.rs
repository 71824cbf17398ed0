//! The generator on the device: a million blocks equal, and the published vectors.
