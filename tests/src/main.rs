//! The binary that the tests run: the whole of Starling plus the game from outside the tree.

fn main() -> std::process::ExitCode {
    starling::Starling::new()
        .add_plugins(starling_beacon::BeaconPlugin)
        .add_plugins(starling_tests::unplug::UnplugPlugin)
        .main()
}
