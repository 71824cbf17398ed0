//! The `starling` binary.

fn main() -> std::process::ExitCode {
    starling::Starling::new().main()
}
