// Where draws come from, in place of draws.wgsl: words that were written down for the lane, one after the other over all that a dispatch
// does, whatever the episode and the step are. Zeros follow them.
//
// Before this comes the constant RECORDED_WORDS.

// [lanes of a member, RECORDED_WORDS]
@group(0) @binding(10) var<storage, read> recorded: array<u32>;

var<private> draw_lane: u32;
var<private> draw_number: u32;

fn draw_begin(key: vec2<u32>, lane: u32, episode: u32, step: u32) {
    draw_lane = lane - job.first;
}

fn draw_word() -> u32 {
    if draw_number >= RECORDED_WORDS {
        return 0u;
    }
    let at = draw_lane * RECORDED_WORDS + draw_number;
    draw_number += 1u;
    return recorded[at];
}
