//! Starling with one more game: the whole command line, `rules.beacon` included.

use starling::Starling;
use starling_beacon::BeaconPlugin;

fn main() -> std::process::ExitCode {
    Starling::new().add_plugins(BeaconPlugin).main()
}
