// MountainCarContinuous-v0: MountainCar with a force instead of three moves, a goal that is nearer and pays 100, and a price on the square
// of the action.
//
// Constants: MAX_STEPS, WALL_STOPS (the left end stops the car; otherwise it keeps its speed there, and one that rolls back beyond the goal
// stops). Words: those of mountain_car_valley.wgsl.

const POWER: f32 = 0.0015;
const GOAL: f32 = 0.45;

fn rules_step() {
    let given = float(action[0]);
    let car = rolled(limited(given, -1.0, 1.0) * POWER);
    let position = car.x;
    let at_wall = select(position >= GOAL, position == MIN_POSITION, WALL_STOPS);
    let velocity = car.y * halted(at_wall & (car.y < 0.0));
    let goal = (position >= GOAL) & (velocity >= 0.0);
    finish(position, velocity);
    // The action as given, not as clipped.
    reward[0] = -0.1 * (given * given) + 100.0 * f32(goal);
    terminated = goal;
}
