//! From the `policy` table to a [`Network`]: every shape is checked here, every fault names its key.

use super::dense::Dense;
use super::layer::{Init, Layer, LayerContext, LayerSlot};
use super::plan::Plan;
use starling_components::fault::Fault;
use starling_components::layers::Activation;
use starling_components::parameters::Layout;
use starling_components::registry::{Choice, Registry};
use starling_components::spaces::{ActionSpace, ElementKind, SeatShape};
use starling_components::specs::{PolicySpec, WeightInit};
use std::ops::Range;
use std::sync::Arc;

/// One layer with the places of its tensors.
pub struct Stage {
    /// The layer.
    pub layer: Box<dyn Layer>,
    /// Its tensors in the flat buffer.
    pub tensors: Vec<Range<usize>>,
    /// Its part of the network's memory; empty for a layer that remembers nothing.
    pub memory: Range<usize>,
}

/// What the policy head's output means.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// Logits of a choice among `moves`.
    Categorical {
        /// Number of moves.
        moves: usize,
    },
    /// Values of `moves`, of which the largest is done.
    ActionValues {
        /// Number of moves.
        moves: usize,
    },
    /// Means of independent normals; `log_std` is their place in the flat buffer.
    Gaussian {
        /// Components of an action.
        components: usize,
        /// State-independent logarithms of the standard deviations.
        log_std: Range<usize>,
    },
}

impl Head {
    /// Numbers that the policy head puts out per row.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Categorical { moves } | Self::ActionValues { moves } => *moves,
            Self::Gaussian { components, .. } => *components,
        }
    }
}

/// A network for one kind of seat. Holds no parameters.
pub struct Network {
    /// What it sees; `observation.len()` numbers per row.
    pub seat: SeatShape,
    /// What both heads share.
    pub trunk: Vec<Stage>,
    /// The policy head, output layer included.
    pub actor: Vec<Stage>,
    /// The value head, output layer included; empty where the policy head puts out action-values.
    pub critic: Vec<Stage>,
    /// What the policy head puts out.
    pub head: Head,
    /// Names and places of all tensors.
    pub layout: Arc<Layout>,
    /// How each tensor of the layout starts.
    pub inits: Vec<Init>,
    pub(crate) plan: Option<Plan>,
    /// See [`Plan::towers`].
    pub(crate) towers: Option<[Plan; 2]>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// Collects stages and their tensors.
struct Builder<'a> {
    registry: &'a Registry,
    activation: Activation,
    init: WeightInit,
    layout: Layout,
    inits: Vec<Init>,
    /// Numbers of the memories of all layers so far.
    memory: usize,
    faults: Vec<Fault>,
}

impl Builder<'_> {
    fn stage(&mut self, name: &str, layer: Box<dyn Layer>) -> Stage {
        let mut tensors = Vec::new();
        for spec in layer.tensors() {
            tensors.push(self.layout.push(format!("{name}.{}", spec.name), spec.shape));
            self.inits.push(spec.init);
        }
        let memory = self.memory..self.memory + layer.carry();
        self.memory = memory.end;
        Stage { layer, tensors, memory }
    }

    /// The layers of one list. `input` becomes their output's shape, `first` whether that is still the observation itself. Stops at the
    /// first fault: shapes behind it would be guesses.
    fn list(
        &mut self,
        name: &str,
        key: &[&str],
        choices: &[Choice],
        input: &mut Vec<usize>,
        first: &mut bool,
    ) -> Vec<Stage> {
        let mut stages = Vec::new();
        for (index, choice) in choices.iter().enumerate() {
            let context = LayerContext {
                input,
                activation: self.activation,
                init: self.init,
                first: *first,
            };
            match self.registry.build::<LayerSlot>(choice, context) {
                Ok(layer) => {
                    *input = layer.output();
                    *first = false;
                    stages.push(self.stage(&format!("{name}.{index}"), layer));
                }
                Err(fault) => {
                    let path = key.iter().map(|&k| k.to_owned()).chain([index.to_string()]);
                    self.faults.push(fault.within(path));
                    break;
                }
            }
        }
        stages
    }

    fn output(&mut self, name: &str, input: &[usize], first: bool, outputs: usize, gain: f64) -> Option<Stage> {
        if input.len() != 1 && !first {
            self.faults.push(
                Fault::pipeline(format!(
                    "the output of the {name} takes a vector, but the layer before gives a grid {input:?}"
                ))
                .advise("end the layers with \"flatten\"")
                .within(["heads", name]),
            );
            return None;
        }
        let layer = Dense {
            inputs: input.iter().product(),
            outputs,
            activation: Activation::None,
            init: Init::of_weights(self.init, gain),
        };
        Some(self.stage(&format!("{name}.out"), Box::new(layer)))
    }
}

impl Builder<'_> {
    /// The rest of a network whose one head puts out action-values.
    fn action_values(
        mut self,
        spec: &PolicySpec,
        hidden: &[Choice],
        seat: &SeatShape,
        trunk: Vec<Stage>,
        mut shape: Vec<usize>,
        mut first: bool,
    ) -> Result<Network, Vec<Fault>> {
        let ActionSpace::Discrete { names } = &seat.action else {
            let fault = Fault::pipeline("action-values are for discrete moves, and this seat acts by a vector");
            return Err(vec![fault.advise("use `actor` and `critic`").within(["heads", "q"])]);
        };
        for (key, other) in [("actor", &spec.heads.actor), ("critic", &spec.heads.critic)] {
            if !other.is_empty() {
                let fault = Fault::pipeline(format!(
                    "`q` stands in place of `actor` and `critic`, and there is `{key}`"
                ));
                self.faults
                    .push(fault.advise("leave one of them out").within(["heads", key]));
            }
        }
        let mut stages = self.list("q", &["heads", "q"], hidden, &mut shape, &mut first);
        if self.faults.is_empty() {
            stages.extend(self.output("q", &shape, first, names.len(), spec.heads.critic_gain));
        }
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        let mut network = Network {
            seat: seat.clone(),
            trunk,
            actor: stages,
            critic: Vec::new(),
            head: Head::ActionValues { moves: names.len() },
            layout: Arc::new(self.layout),
            inits: self.inits,
            plan: None,
            towers: None,
        };
        network.plan = Plan::of(&network);
        Ok(network)
    }
}

impl Network {
    /// The network that `spec` describes for a seat of this shape.
    ///
    /// The output layers are added here: one logit per move or one mean per component, and one value. A dense layer (or output) directly
    /// on a grid observation reads it as a vector; everywhere else a grid must be flattened by a layer.
    ///
    /// # Errors
    /// All that is wrong, with key paths inside the `policy` table.
    pub fn describe(spec: &PolicySpec, seat: &SeatShape, registry: &Registry) -> Result<Self, Vec<Fault>> {
        let mut builder = Builder {
            registry,
            activation: Activation::None,
            init: spec.init,
            layout: Layout::default(),
            inits: Vec::new(),
            memory: 0,
            faults: Vec::new(),
        };
        match Activation::named(&spec.activation) {
            Some(activation) => builder.activation = activation,
            None => builder.faults.push(
                Fault::pipeline(format!("no activation is called `{}`", spec.activation))
                    .advise("known: relu, tanh, none")
                    .within(["activation"]),
            ),
        }
        for (key, gain) in [
            ("actor_gain", spec.heads.actor_gain),
            ("critic_gain", spec.heads.critic_gain),
        ] {
            if !(gain > 0.0 && gain.is_finite()) {
                builder.faults.push(
                    Fault::pipeline(format!("a gain must be positive, this one is {gain}")).within(["heads", key]),
                );
            }
        }
        let outputs = match &seat.action {
            ActionSpace::Discrete { names } => names.len(),
            ActionSpace::Box { low, .. } => low.len(),
            other => {
                builder.faults.push(
                    Fault::pipeline(format!("a network cannot play a seat whose actions are {other:?}"))
                        .advise("networks play discrete and box actions"),
                );
                0
            }
        };
        if seat.observation.is_empty() {
            builder
                .faults
                .push(Fault::pipeline("a network cannot play a seat that observes nothing"));
        }

        let (mut shape, mut first) = (seat.observation.shape.clone(), true);
        let trunk = builder.list("trunk", &["layers"], &spec.layers, &mut shape, &mut first);
        if !builder.faults.is_empty() {
            return Err(builder.faults);
        }
        if let Some(hidden) = &spec.heads.q {
            return builder.action_values(spec, hidden, seat, trunk, shape, first);
        }
        let (mut actor_shape, mut actor_first) = (shape.clone(), first);
        let hidden = &spec.heads.actor;
        let mut actor = builder.list("actor", &["heads", "actor"], hidden, &mut actor_shape, &mut actor_first);
        let (mut critic_shape, mut critic_first) = (shape, first);
        let hidden = &spec.heads.critic;
        // Outputs come right behind their head in the buffer; a fault in one head does not hide one in the other.
        let faults = builder.faults.len();
        if faults == 0 {
            actor.extend(builder.output("actor", &actor_shape, actor_first, outputs, spec.heads.actor_gain));
        }
        let head = match &seat.action {
            ActionSpace::Box { .. } => {
                let log_std = builder.layout.push("actor.log_std", vec![outputs]);
                builder.inits.push(Init::Constant(0.0));
                Head::Gaussian {
                    components: outputs,
                    log_std,
                }
            }
            _ => Head::Categorical { moves: outputs },
        };
        let faults = builder.faults.len();
        let mut critic = builder.list(
            "critic",
            &["heads", "critic"],
            hidden,
            &mut critic_shape,
            &mut critic_first,
        );
        if builder.faults.len() == faults {
            critic.extend(builder.output("critic", &critic_shape, critic_first, 1, spec.heads.critic_gain));
        }
        if !builder.faults.is_empty() {
            return Err(builder.faults);
        }
        let mut network = Self {
            seat: seat.clone(),
            trunk,
            actor,
            critic,
            head,
            layout: Arc::new(builder.layout),
            inits: builder.inits,
            plan: None,
            towers: None,
        };
        network.plan = Plan::of(&network);
        network.towers = Plan::towers(&network);
        Ok(network)
    }

    /// Numbers of one observation row that the network reads.
    pub fn inputs(&self) -> usize {
        self.seat.observation.len()
    }

    /// Numbers that it remembers from step to step; 0 without layers that remember.
    pub fn carry(&self) -> usize {
        let stages = [&self.trunk, &self.actor, &self.critic];
        stages
            .into_iter()
            .flatten()
            .map(|stage| stage.memory.end)
            .max()
            .unwrap_or(0)
    }

    /// How observations are stored.
    pub fn element(&self) -> ElementKind {
        self.seat.observation.element
    }

    /// The kernels over slices act and learn; else the Candle graph does.
    pub fn fused(&self) -> bool {
        self.plan.is_some()
    }
}
