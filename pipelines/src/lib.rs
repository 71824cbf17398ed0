//! Pipeline files, the engine that ticks them, and the command line.
