// In place of the featurised observation where no seat has it.

fn see_features(seat: u32) {
}
