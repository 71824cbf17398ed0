//! The WGSL texts, one per subject, each composed into every kernel that needs it.

/// Threefry-2x32 and what is made of its words.
pub const RANDOM: &str = include_str!("../wgsl/random.wgsl");
/// The maths module.
pub const MATHS: &str = include_str!("../wgsl/maths.wgsl");
/// What one dispatch is to do.
pub const JOB: &str = include_str!("../wgsl/job.wgsl");
/// Statistics of episodes, added up.
pub const REDUCE: &str = include_str!("../wgsl/reduce.wgsl");
/// A policy's operations.
pub const LAYERS: &str = include_str!("../wgsl/layers.wgsl");
/// Rows of a policy, four at a time.
pub const ROWS_BY_FOUR: &str = include_str!("../wgsl/rows_by_four.wgsl");
/// Rows of a policy, one at a time.
pub const ROWS_ALONE: &str = include_str!("../wgsl/rows_alone.wgsl");
/// Observations in, moves out.
pub const ACT: &str = include_str!("../wgsl/act.wgsl");
/// Draws by the generator.
pub const DRAWS: &str = include_str!("../wgsl/draws.wgsl");
/// Draws from words that were written down.
pub const DRAWS_RECORDED: &str = include_str!("../wgsl/draws_recorded.wgsl");
/// One lane's state, draws, actions and outcomes.
pub const LANE: &str = include_str!("../wgsl/lane.wgsl");
/// Observations as bytes.
pub const SEE_BYTES: &str = include_str!("../wgsl/see_bytes.wgsl");
/// Observations as bits.
pub const SEE_BITS: &str = include_str!("../wgsl/see_bits.wgsl");
/// Many steps of many lanes.
pub const ROLLOUT: &str = include_str!("../wgsl/rollout.wgsl");

/// `rules.cart_pole`
pub const CART_POLE: &str = include_str!("../wgsl/cart_pole.wgsl");
/// `rules.acrobot`
pub const ACROBOT: &str = include_str!("../wgsl/acrobot.wgsl");
/// What the two games of MountainCar share.
pub const MOUNTAIN_CAR_VALLEY: &str = include_str!("../wgsl/mountain_car_valley.wgsl");
/// `rules.mountain_car`
pub const MOUNTAIN_CAR: &str = include_str!("../wgsl/mountain_car.wgsl");
/// `rules.mountain_car_continuous`
pub const MOUNTAIN_CAR_CONTINUOUS: &str = include_str!("../wgsl/mountain_car_continuous.wgsl");
/// `rules.pendulum`
pub const PENDULUM: &str = include_str!("../wgsl/pendulum.wgsl");

/// What MinAtar's games share.
pub const MINATAR_GAME: &str = include_str!("../wgsl/minatar/game.wgsl");
/// `rules.minatar_asterix`
pub const MINATAR_ASTERIX: &str = include_str!("../wgsl/minatar/asterix.wgsl");
/// `rules.minatar_breakout`
pub const MINATAR_BREAKOUT: &str = include_str!("../wgsl/minatar/breakout.wgsl");
/// `rules.minatar_freeway`
pub const MINATAR_FREEWAY: &str = include_str!("../wgsl/minatar/freeway.wgsl");
/// `rules.minatar_space_invaders`
pub const MINATAR_SPACE_INVADERS: &str = include_str!("../wgsl/minatar/space_invaders.wgsl");
/// `rules.minatar_seaquest`
pub const MINATAR_SEAQUEST: &str = include_str!("../wgsl/minatar/seaquest/rules.wgsl");
/// Its words, lists and what moves in them.
pub const MINATAR_SEAQUEST_STATE: &str = include_str!("../wgsl/minatar/seaquest/state.wgsl");
/// Every list as a whole.
pub const MINATAR_SEAQUEST_AT_ONCE: &str = include_str!("../wgsl/minatar/seaquest/at_once.wgsl");
/// One thing after the other.
pub const MINATAR_SEAQUEST_ONE_BY_ONE: &str = include_str!("../wgsl/minatar/seaquest/one_by_one.wgsl");
/// Its observation.
pub const MINATAR_SEAQUEST_OBSERVE: &str = include_str!("../wgsl/minatar/seaquest/observe.wgsl");

/// What stands in a kitchen, and one transition of all cooks.
pub const OVERCOOKED_KITCHEN: &str = include_str!("../wgsl/overcooked_v2/kitchen.wgsl");
/// `rules.overcooked_v2`
pub const OVERCOOKED_V2: &str = include_str!("../wgsl/overcooked_v2/rules.wgsl");
/// Its observation.
pub const OVERCOOKED_V2_OBSERVE: &str = include_str!("../wgsl/overcooked_v2/observe.wgsl");
/// Its featurised observation.
pub const OVERCOOKED_V2_FEATURIZE: &str = include_str!("../wgsl/overcooked_v2/featurize.wgsl");
/// Where no seat has that.
pub const OVERCOOKED_V2_NO_FEATURES: &str = include_str!("../wgsl/overcooked_v2/no_features.wgsl");
/// `rules.overcooked_v1`
pub const OVERCOOKED_V1: &str = include_str!("../wgsl/overcooked_v1/rules.wgsl");
/// Its observation.
pub const OVERCOOKED_V1_OBSERVE: &str = include_str!("../wgsl/overcooked_v1/observe.wgsl");
/// In place of it where cooks see as in OvercookedV2.
pub const OVERCOOKED_V1_AS_V2: &str = include_str!("../wgsl/overcooked_v1/as_v2.wgsl");
