// MountainCar-v0: a car in a valley must reach the hill to the right, and is too weak to do so without a run-up.
//
// Constant: MAX_STEPS. Words: those of mountain_car_valley.wgsl.

const FORCE: f32 = 0.001;
const GOAL: f32 = 0.5;

fn rules_step() {
    let car = rolled((f32(i32(action[0])) - 1.0) * FORCE);
    let position = car.x;
    let velocity = car.y * halted((position == MIN_POSITION) & (car.y < 0.0));
    finish(position, velocity);
    reward[0] = -1.0;
    terminated = (position >= GOAL) & (velocity >= 0.0);
}
