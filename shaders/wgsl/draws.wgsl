// Where draws come from: words of (lane, episode, step), made when first asked for, so that a step that draws nothing costs nothing.

var<private> draw_key: vec2<u32>;
var<private> draw_lane: vec2<u32>;
var<private> draw_folded: bool;
var<private> draw_step: u32;
var<private> draw_number: u32;
var<private> draw_spare: u32;
var<private> draw_has_spare: bool;

fn draw_begin(key: vec2<u32>, lane: u32, episode: u32, step: u32) {
    draw_key = key;
    draw_lane = vec2<u32>(lane, episode);
    draw_folded = false;
    draw_step = step;
    draw_number = 0u;
    draw_has_spare = false;
}

fn draw_word() -> u32 {
    if draw_has_spare {
        draw_has_spare = false;
        return draw_spare;
    }
    if !draw_folded {
        draw_key = threefry2x32(draw_key, draw_lane);
        draw_folded = true;
    }
    let block = threefry2x32(draw_key, vec2<u32>(draw_step, draw_number));
    draw_number += 1u;
    draw_spare = block.y;
    draw_has_spare = true;
    return block.x;
}
