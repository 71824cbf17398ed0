//! What the tables of a pipeline file say, as plain serde types. A spec becomes live components before the first tick.

mod agent;
mod buffer;
mod dataset;
mod environment;
mod evaluate;
mod evolve;
mod from;
mod pipeline;
mod record;
mod stage;
mod sweep;

pub use agent::{AgentSpec, HeadsSpec, NormalizeSpec, PolicySpec, ReplicasSpec, RewardSpec, WeightInit};
pub use buffer::{BufferSpec, Refresh, RefreshNamed, Scope};
pub use dataset::DatasetSpec;
pub use environment::{Backend, DrawPer, DrawSpec, EnvironmentSpec, SeatSpec, StartsSpec};
pub use evaluate::{EvaluateAt, EvaluateSpec, EvaluateWhen, Pair};
pub use evolve::EvolveSpec;
pub use from::{FoundSource, FromSpec, KnownNames, NamesSpec, Pick, PickBest, PickNamed};
pub use pipeline::{MetricBound, PipelineSpec, Until};
pub use record::{Every, KeepCheckpoints, KeepNamed, RecordSpec, TrajectoriesSpec};
pub use stage::StageSpec;
pub use sweep::{SeedsSpec, SweepSpec};
