// Cooks of V1 who see as in OvercookedV2.

fn rules_observe(seat: u32) {
    kitchen_observe(seat);
}
