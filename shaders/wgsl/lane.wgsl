// What every game's rules meet: one lane's state, its draws, its actions and outcomes, and where observations go.
//
// Before this come the constants STATE_WORDS, SEATS, OBSERVATION_WORDS (of one seat), CANVAS_WORDS (0: an observation begins empty), CANVAS
// (its place in the table) and those of the rules. A game defines rules_reset, rules_restart, rules_step and rules_observe(seat).

// [lanes, state words]
@group(0) @binding(1) var<storage, read_write> states: array<u32>;
// [lanes, 2]: episode, steps in it.
@group(0) @binding(2) var<storage, read_write> clocks: array<u32>;
// [steps, lanes, seats]: moves, or the bits of floats.
@group(0) @binding(3) var<storage, read_write> actions: array<u32>;
// Rewards [steps, lanes, seats], shaped rewards, then flags [steps, lanes]: bit 0 terminated, bit 1 truncated.
@group(0) @binding(4) var<storage, read_write> outcomes: array<u32>;
// [slots, ...], then, where wanted, [steps, ...]: observations before auto-reset of lanes that ended.
@group(0) @binding(5) var<storage, read_write> observations: array<u32>;
@group(0) @binding(6) var<storage, read> table_words: array<u32>;
// [members, 2 + 2 seats]: key of the environment, then of each seat's actions.
@group(0) @binding(7) var<storage, read> keys: array<u32>;
// [entries, state words]
@group(0) @binding(8) var<storage, read> starts: array<u32>;
// [lanes, seats + 3]: return of the running episode by seat; then, of finished episodes, how many, their steps, and the sum of returns.
@group(0) @binding(9) var<storage, read_write> statistics: array<u32>;

var<private> state: array<u32, STATE_WORDS>;
var<private> action: array<u32, SEATS>;
var<private> reward: array<f32, SEATS>;
var<private> shaped: array<f32, SEATS>;
var<private> terminated: bool;
var<private> truncated: bool;

// ---- draws: what is made of the words of draws.wgsl or draws_recorded.wgsl ----

fn draw_below(n: u32) -> u32 {
    return below(draw_word(), n);
}

fn draw_unit() -> f32 {
    return unit_f32(draw_word());
}

fn draw_uniform(low: f32, high: f32) -> f32 {
    return low + draw_unit() * (high - low);
}

// ---- the rules' own words ----

fn table(at: u32) -> u32 {
    return table_words[at];
}

fn float(word: u32) -> f32 {
    return bitcast<f32>(word);
}

fn bits(value: f32) -> u32 {
    return bitcast<u32>(value);
}
