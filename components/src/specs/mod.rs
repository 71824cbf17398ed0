//! What the tables of a pipeline file say, as plain serde types. A spec becomes live components before the first tick.

mod agent;
mod environment;
mod evaluate;
mod pipeline;
mod record;

pub use agent::{AgentSpec, HeadsSpec, PolicySpec, ReplicasSpec, RewardSpec};
pub use environment::EnvironmentSpec;
pub use evaluate::{EvaluateAt, EvaluateSpec, EvaluateWhen, Pair};
pub use pipeline::{PipelineSpec, Until};
pub use record::{Every, RecordSpec, TrajectoriesSpec};
