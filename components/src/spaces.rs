//! What an environment looks like from a seat: observations, actions, and how many of everything.

use bytemuck::Pod;

/// How one number of an observation is stored. Bytes stay bytes until the network's first layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementKind {
    /// Unsigned bytes, 0 to 255, used as they are (no scaling).
    U8,
    /// Signed bytes stored as their bit pattern in the same byte buffers.
    I8,
    /// 32-bit floats.
    F32,
}

/// The observation of one seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservationSpace {
    /// `[height, width, channels]` for grids (channels last), `[n]` for vectors.
    pub shape: Vec<usize>,
    /// How the numbers are stored.
    pub element: ElementKind,
}

impl ObservationSpace {
    /// Numbers in one observation.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// No numbers at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The action of one seat.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionSpace {
    /// One of `names.len()` moves.
    Discrete {
        /// A name per move, in the order of their numbers.
        names: Vec<String>,
    },
    /// Several independent choices.
    MultiDiscrete {
        /// The number of options of each.
        counts: Vec<usize>,
    },
    /// A vector of floats.
    Box {
        /// Least legal value per component; the environment says what it does with values outside.
        low: Vec<f32>,
        /// Largest legal value per component.
        high: Vec<f32>,
    },
    /// A string, for language games.
    Text {
        /// Longest accepted message in bytes.
        max_bytes: usize,
    },
}

impl ActionSpace {
    /// Components of one action: 1 for `Discrete`, one per choice or dimension else; 0 for text.
    pub fn components(&self) -> usize {
        match self {
            Self::Discrete { .. } => 1,
            Self::MultiDiscrete { counts } => counts.len(),
            Self::Box { low, .. } => low.len(),
            Self::Text { .. } => 0,
        }
    }
    /// Entries of a legal-move mask: one per move of every choice; 0 where there is no mask.
    pub fn moves(&self) -> usize {
        match self {
            Self::Discrete { names } => names.len(),
            Self::MultiDiscrete { counts } => counts.iter().sum(),
            Self::Box { .. } | Self::Text { .. } => 0,
        }
    }
}

/// One seat of an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct SeatShape {
    /// What the seat sees.
    pub observation: ObservationSpace,
    /// What the seat may do.
    pub action: ActionSpace,
}

/// Everything about an environment's sizes that others need.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentShape {
    /// One entry per seat.
    pub seats: Vec<SeatShape>,
    /// 32-bit words of one lane's state. The layout is the same in WGSL.
    pub state_words: usize,
    /// Longest episode in steps; `None` if unbounded.
    pub max_steps: Option<u32>,
    /// Numbers in the global state for centralised critics; 0 if there is none.
    pub global_len: usize,
    /// Some moves can be illegal, so a mask is written.
    pub masks: bool,
    /// Some seats can be idle, so `active` is written. Where false, every seat acts in every step.
    pub turns: bool,
    /// What is worth counting per seat in a transition, by name, e.g. `deliveries`; see `Rules::events`. Empty where nothing is.
    pub events: Vec<String>,
}

impl EnvironmentShape {
    /// Elements of one row of an observation buffer `[lanes, seats, width]`: the longest observation of any seat; shorter ones
    /// leave the rest of their row zero.
    pub fn observation_width(&self) -> usize {
        self.seats.iter().map(|s| s.observation.len()).max().unwrap_or(0)
    }
    /// Components of one row of an action buffer `[lanes, seats, components]`: the most of any seat.
    pub fn action_components(&self) -> usize {
        self.seats.iter().map(|s| s.action.components()).max().unwrap_or(0)
    }
    /// Entries of one row of a mask buffer `[lanes, seats, moves]`: the most of any seat.
    pub fn moves(&self) -> usize {
        self.seats.iter().map(|s| s.action.moves()).max().unwrap_or(0)
    }
    /// Observations are `f32` (else bytes). All seats agree.
    pub fn float_observations(&self) -> bool {
        self.seats.iter().any(|s| s.observation.element == ElementKind::F32)
    }
    /// Actions are `f32` (else `i32`). All seats agree.
    pub fn float_actions(&self) -> bool {
        self.seats.iter().any(|s| matches!(s.action, ActionSpace::Box { .. }))
    }
}

/// A read-only batch of observations, rows of equal width.
#[derive(Debug, Clone, Copy)]
pub enum Observations<'a> {
    /// `u8`, or `i8` by bit pattern.
    Bytes(&'a [u8]),
    /// `f32`.
    Floats(&'a [f32]),
}

/// A batch of observations to fill.
#[derive(Debug)]
pub enum ObservationsMut<'a> {
    /// `u8`, or `i8` by bit pattern.
    Bytes(&'a mut [u8]),
    /// `f32`.
    Floats(&'a mut [f32]),
}

/// An owned batch of observations.
#[derive(Debug, Clone, PartialEq)]
pub enum ObservationBuffer {
    /// `u8`, or `i8` by bit pattern.
    Bytes(Vec<u8>),
    /// `f32`.
    Floats(Vec<f32>),
}

impl ObservationBuffer {
    /// `len` zeros of the element kind that `shape` asks for.
    pub fn zeros(shape: &EnvironmentShape, len: usize) -> Self {
        if shape.float_observations() {
            Self::Floats(vec![0.0; len])
        } else {
            Self::Bytes(vec![0; len])
        }
    }
    /// The elements `range`.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Observations<'_> {
        match self {
            Self::Bytes(bytes) => Observations::Bytes(&bytes[range]),
            Self::Floats(floats) => Observations::Floats(&floats[range]),
        }
    }
    /// The elements `range`, to fill.
    pub fn slice_mut(&mut self, range: std::ops::Range<usize>) -> ObservationsMut<'_> {
        match self {
            Self::Bytes(bytes) => ObservationsMut::Bytes(&mut bytes[range]),
            Self::Floats(floats) => ObservationsMut::Floats(&mut floats[range]),
        }
    }
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Floats(floats) => floats.len(),
        }
    }
    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A read-only batch of actions `[rows, components]`.
#[derive(Debug, Clone, Copy)]
pub enum Actions<'a> {
    /// Discrete and multi-discrete.
    Discrete(&'a [i32]),
    /// Box.
    Continuous(&'a [f32]),
}

/// A batch of actions to fill.
#[derive(Debug)]
pub enum ActionsMut<'a> {
    /// Discrete and multi-discrete.
    Discrete(&'a mut [i32]),
    /// Box.
    Continuous(&'a mut [f32]),
}

/// An owned batch of actions.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionBuffer {
    /// Discrete and multi-discrete.
    Discrete(Vec<i32>),
    /// Box.
    Continuous(Vec<f32>),
}

impl ActionBuffer {
    /// `len` zeros of the kind that `shape` asks for.
    pub fn zeros(shape: &EnvironmentShape, len: usize) -> Self {
        if shape.float_actions() {
            Self::Continuous(vec![0.0; len])
        } else {
            Self::Discrete(vec![0; len])
        }
    }
    /// The elements `range`.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Actions<'_> {
        match self {
            Self::Discrete(a) => Actions::Discrete(&a[range]),
            Self::Continuous(a) => Actions::Continuous(&a[range]),
        }
    }
    /// The elements `range`, to fill.
    pub fn slice_mut(&mut self, range: std::ops::Range<usize>) -> ActionsMut<'_> {
        match self {
            Self::Discrete(a) => ActionsMut::Discrete(&mut a[range]),
            Self::Continuous(a) => ActionsMut::Continuous(&mut a[range]),
        }
    }
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Discrete(a) => a.len(),
            Self::Continuous(a) => a.len(),
        }
    }
    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for i32 {}
    impl Sealed for f32 {}
}

/// What rules write observations in: `u8` or `f32`.
pub trait ObservationElement: Pod + Send + Sync + sealed::Sealed {
    /// The elements, if the batch is of this kind.
    fn of<'a>(observations: Observations<'a>) -> Option<&'a [Self]>;
    /// The elements to fill, if the batch is of this kind.
    fn of_mut<'a>(observations: ObservationsMut<'a>) -> Option<&'a mut [Self]>;
}

impl ObservationElement for u8 {
    fn of<'a>(observations: Observations<'a>) -> Option<&'a [Self]> {
        let Observations::Bytes(bytes) = observations else {
            return None;
        };
        Some(bytes)
    }
    fn of_mut<'a>(observations: ObservationsMut<'a>) -> Option<&'a mut [Self]> {
        let ObservationsMut::Bytes(bytes) = observations else {
            return None;
        };
        Some(bytes)
    }
}

impl ObservationElement for f32 {
    fn of<'a>(observations: Observations<'a>) -> Option<&'a [Self]> {
        let Observations::Floats(floats) = observations else {
            return None;
        };
        Some(floats)
    }
    fn of_mut<'a>(observations: ObservationsMut<'a>) -> Option<&'a mut [Self]> {
        let ObservationsMut::Floats(floats) = observations else {
            return None;
        };
        Some(floats)
    }
}

/// What rules read actions in: `i32` (discrete, multi-discrete) or `f32` (box).
pub trait ActionElement: Pod + Send + Sync + sealed::Sealed {
    /// The elements, if the batch is of this kind.
    fn of<'a>(actions: Actions<'a>) -> Option<&'a [Self]>;
}

impl ActionElement for i32 {
    fn of<'a>(actions: Actions<'a>) -> Option<&'a [Self]> {
        let Actions::Discrete(actions) = actions else {
            return None;
        };
        Some(actions)
    }
}

impl ActionElement for f32 {
    fn of<'a>(actions: Actions<'a>) -> Option<&'a [Self]> {
        let Actions::Continuous(actions) = actions else {
            return None;
        };
        Some(actions)
    }
}
