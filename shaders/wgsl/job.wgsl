// What one dispatch is to do.

struct Job {
    // Lanes of all members.
    lanes: u32,
    lanes_per_member: u32,
    // Number of a member's first lane, which keys draws.
    first: u32,
    // Steps of this dispatch, and the rollout's step with which it begins.
    ticks: u32,
    tick: u32,
    // Steps of the whole rollout.
    steps: u32,
    // The time that actions are drawn by at the rollout's first step.
    time: u32,
    // 0: actions are given; 1: uniformly random ones are drawn; 2, in `look`: every lane starts its first episode.
    source: u32,
    // Observations go round in so many places.
    slots: u32,
    // Bit 0: observations; bit 1: final observations; bit 2: outcomes; bit 3: actions that were drawn.
    wants: u32,
    // States that episodes begin in; 0: as the rules say.
    entries: u32,
    // Invocations of a row of workgroups.
    stride: u32,
    // Take the most probable move.
    greedy: u32,
}

@group(0) @binding(0) var<uniform> job: Job;
