//! Lanes on a device: their states, what they write, and how many steps of that are kept.

use crate::compose::Draws;
use crate::gpu::Gpu;
use crate::world::{JOB_BYTES, World, bind};
use starling_components::Fault;
use starling_components::random::Key;
use std::sync::Arc;
use wgpu::{BindGroup, Buffer, BufferUsages};

/// Dispatches of one submission, where rollouts are shorter.
const JOBS: usize = 1024;

/// How many lanes, and what is kept of their steps.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Per member of a population (one: a plain block): the key of its environment, then of each seat's actions.
    pub keys: Vec<Vec<Key>>,
    /// Lanes of one member.
    pub lanes: usize,
    /// Number of a member's first lane.
    pub first: u32,
    /// Most steps of one rollout.
    pub steps: usize,
    /// Observations that are kept: of the last so many steps.
    pub slots: usize,
    /// Keep the observations of the last states of episodes.
    pub final_observations: bool,
    /// Keep rewards and flags of every step; else statistics of episodes only.
    pub outcomes: bool,
}

/// The lanes of a block, on the device.
pub struct Block {
    pub(crate) world: Arc<World>,
    pub(crate) setup: Setup,
    pub(crate) lanes: usize,
    pub(crate) buffers: Buffers,
    /// Bytes from one job to the next.
    pub(crate) job_stride: u64,
    /// States that episodes begin in; 0: as the rules say.
    pub(crate) entries: u32,
    pub(crate) group: BindGroup,
}

/// What the kernels of a block read and write; see `shaders/wgsl/lane.wgsl`.
pub(crate) struct Buffers {
    pub(crate) jobs: Buffer,
    pub(crate) states: Buffer,
    pub(crate) clocks: Buffer,
    pub(crate) actions: Buffer,
    pub(crate) outcomes: Buffer,
    pub(crate) observations: Buffer,
    pub(crate) keys: Buffer,
    pub(crate) statistics: Buffer,
    /// Log-probabilities `[steps, lanes, seats]`, then values `[steps + 1, lanes, seats]`.
    pub(crate) answers: Buffer,
    pub(crate) starts: Buffer,
    /// Words that draws take, `[lanes of a member, words]`, where the world was compiled so.
    pub(crate) recorded: Option<Buffer>,
}

impl Buffers {
    /// In the order of the bindings of a rollout.
    fn bind(&self, world: &World) -> Result<BindGroup, Fault> {
        let buffers = [
            &self.jobs,
            &self.states,
            &self.clocks,
            &self.actions,
            &self.outcomes,
            &self.observations,
            &world.table,
            &self.keys,
            &self.starts,
            &self.statistics,
        ];
        let buffers: Vec<&Buffer> = buffers.into_iter().chain(&self.recorded).collect();
        bind(&world.gpu, "a rollout", &world.layout, &buffers)
    }
}

impl World {
    /// Lanes of this game. States are zeros until they are written or reset.
    ///
    /// # Errors
    /// Too little memory, or a limit that is too small.
    pub fn open(self: &Arc<Self>, setup: Setup) -> Result<Block, Fault> {
        let gpu = &self.gpu;
        let sizes = &self.sizes;
        let lanes = setup.lanes * setup.keys.len();
        let rows = lanes * sizes.seats;
        let storage = |what: &str, words: usize| gpu.buffer(what, 4 * words as u64, BufferUsages::STORAGE);
        let job_stride = JOB_BYTES.next_multiple_of(u64::from(gpu.limits().min_uniform_buffer_offset_alignment));
        let row = sizes.observation_words * rows;
        let finals = if setup.final_observations { setup.steps * row } else { 0 };
        let outcomes = if setup.outcomes {
            setup.steps * (2 * rows + lanes)
        } else {
            0
        };
        let kept = if setup.outcomes { setup.steps } else { 0 };
        let keys: Vec<u32> = setup.keys.iter().flatten().flat_map(|key| key.words()).collect();
        let jobs = gpu.buffer(
            "the jobs",
            job_stride * (setup.steps.max(JOBS) as u64 + 1),
            BufferUsages::UNIFORM,
        )?;
        let states = storage("the states", lanes * sizes.words)?;
        let clocks = storage("the clocks", 2 * lanes)?;
        let actions = storage("the actions", kept.max(1) * rows)?;
        let outcomes = storage("rewards and flags", outcomes)?;
        let observations = storage("the observations", setup.slots * row + finals)?;
        let keys = gpu.words("the keys", &keys)?;
        let statistics = storage("the statistics", lanes * (sizes.seats + 3))?;
        let answers = storage("log-probabilities and values", (2 * kept + 1) * rows)?;
        let starts = storage("the start states", 0)?;
        let recorded = match self.draws {
            Draws::Generator => None,
            Draws::Recorded { words } => Some(storage("the recorded draws", words * setup.lanes)?),
        };
        let buffers = Buffers {
            jobs,
            states,
            clocks,
            actions,
            outcomes,
            observations,
            keys,
            statistics,
            answers,
            starts,
            recorded,
        };
        let group = buffers.bind(self)?;
        Ok(Block {
            world: Arc::clone(self),
            setup,
            lanes,
            buffers,
            job_stride,
            entries: 0,
            group,
        })
    }
}

impl Block {
    pub(crate) fn gpu(&self) -> &Arc<Gpu> {
        &self.world.gpu
    }

    /// Lanes of all members.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// The game.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Puts lanes where `states` `[lanes, words]`, `episodes` and `steps` `[lanes]` say.
    pub fn write_lanes(&self, states: &[u32], episodes: &[u32], steps: &[u32]) {
        let clocks: Vec<u32> = episodes.iter().zip(steps).flat_map(|(&e, &s)| [e, s]).collect();
        let queue = &self.gpu().queue;
        queue.write_buffer(&self.buffers.states, 0, bytemuck::cast_slice(states));
        queue.write_buffer(&self.buffers.clocks, 0, bytemuck::cast_slice(&clocks));
    }

    /// From now on lanes draw these words, `[lanes of a member, words]`: every dispatch begins with the first of them.
    ///
    /// # Errors
    /// A world that draws by the generator; a wrong number of words.
    pub fn write_draws(&self, words: &[u32]) -> Result<(), Fault> {
        let wanted = match self.world.draws {
            Draws::Generator => 0,
            Draws::Recorded { words } => words * self.setup.lanes,
        };
        let Some(recorded) = self.buffers.recorded.as_ref().filter(|_| words.len() == wanted) else {
            return Err(Fault::run(format!(
                "{} recorded draws for lanes that take {wanted}",
                words.len()
            )));
        };
        self.gpu().queue.write_buffer(recorded, 0, bytemuck::cast_slice(words));
        Ok(())
    }

    /// From now on every episode begins in one of `starts`, `[entries, words]`; empty: as the rules say.
    ///
    /// # Errors
    /// Too little memory.
    pub fn set_starts(&mut self, starts: &[u32]) -> Result<(), Fault> {
        self.entries = (starts.len() / self.world.sizes.words.max(1)) as u32;
        self.buffers.starts = self.gpu().words("the start states", starts)?;
        self.group = self.buffers.bind(&self.world)?;
        Ok(())
    }
}
