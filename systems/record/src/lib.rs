//! Parquet streams, commits, checkpoints and resume.
