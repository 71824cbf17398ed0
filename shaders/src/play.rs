//! Rollouts: many steps as one submission, of which nothing comes back but what was asked for.

use crate::actor::Actor;
use crate::block::Block;
use crate::staging::Reading;
use crate::world::GROUP;
use bytemuck::{Pod, Zeroable};
use starling_components::Fault;
use std::ops::Range;
use wgpu::{CommandEncoderDescriptor, ComputePassDescriptor, ComputePassTimestampWrites, Features, QuerySet};

/// Who decides.
#[derive(Debug)]
pub enum Moves<'a> {
    /// `[steps, lanes, seats]`: moves, or the bits of floats.
    Given(&'a [u32]),
    /// `script.random` in every seat.
    Random,
    /// Policies, which fill all seats between them.
    Actors(&'a [Actor]),
}

/// What comes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// Observations, from the one before the first step on. They are written whether they come back or not.
    pub observations: bool,
    /// Observations before auto-reset of lanes that ended.
    pub final_observations: bool,
    /// Rewards, shaped rewards and flags.
    pub outcomes: bool,
    /// Actions.
    pub actions: bool,
    /// Log-probabilities and values of policies, with the values of the last observations if `last_values`.
    pub answers: bool,
    /// Values of the last observations.
    pub last_values: bool,
    /// States and clocks after the last step.
    pub lanes: bool,
    /// How long the device took.
    pub time: bool,
}

/// A rollout.
#[derive(Debug)]
pub struct Play<'a> {
    /// Steps.
    pub steps: usize,
    /// The time that actions are drawn by at the first.
    pub time: u32,
    /// Who decides.
    pub moves: Moves<'a>,
    /// Policies take their most probable move.
    pub greedy: bool,
    /// What comes back.
    pub wants: Wants,
}

impl Play<'_> {
    /// No step.
    fn nothing() -> Self {
        Self {
            steps: 0,
            time: 0,
            moves: Moves::Random,
            greedy: false,
            wants: Wants::default(),
        }
    }
}

/// What came back: nothing, where it was not asked for.
#[derive(Debug)]
pub struct Taken<'a> {
    /// As packed, `steps + 1` places or as many as are kept.
    pub observations: &'a [u32],
    /// As packed, one place per step.
    pub final_observations: &'a [u32],
    /// `[steps, lanes, seats]`.
    pub rewards: &'a [f32],
    /// `[steps, lanes, seats]`.
    pub shaped: &'a [f32],
    /// Bit 0 terminated, bit 1 truncated: `[steps, lanes]`.
    pub flags: &'a [u32],
    /// `[steps, lanes, seats]`.
    pub actions: &'a [u32],
    /// `[steps, lanes, seats]`.
    pub log_probs: &'a [f32],
    /// `[steps + 1, lanes, seats]`; the last are unspecified unless asked for.
    pub values: &'a [f32],
    /// `[lanes, words]`.
    pub states: &'a [u32],
    /// Episode and steps in it, `[lanes, 2]`.
    pub clocks: &'a [u32],
    /// Seconds that the device says it took; `None` where it cannot tell.
    pub seconds: Option<f64>,
}

/// See `shaders/wgsl/job.wgsl`.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Job {
    lanes: u32,
    lanes_per_member: u32,
    first: u32,
    ticks: u32,
    tick: u32,
    steps: u32,
    time: u32,
    source: u32,
    slots: u32,
    wants: u32,
    entries: u32,
    stride: u32,
    greedy: u32,
    padding: [u32; 3],
}

/// Of a job: every lane starts its first episode.
const START: u32 = 2;

/// Groups in both dimensions of a dispatch of so many, and how many lie in a row.
pub(crate) fn grid(groups: u32, most: u32) -> (u32, u32) {
    let columns = groups.clamp(1, most);
    (columns, groups.div_ceil(columns).max(1))
}

impl Block {
    fn job(&self, play: &Play<'_>, tick: usize, ticks: usize) -> Job {
        let wants = 1
            | u32::from(self.setup.final_observations) << 1
            | u32::from(self.setup.outcomes) << 2
            | u32::from(play.wants.actions) << 3;
        Job {
            lanes: self.lanes as u32,
            lanes_per_member: self.setup.lanes as u32,
            first: self.setup.first,
            ticks: ticks as u32,
            tick: tick as u32,
            steps: play.steps as u32,
            time: play.time,
            source: u32::from(matches!(play.moves, Moves::Random)),
            slots: self.setup.slots as u32,
            wants,
            entries: self.entries,
            stride: self.columns() * GROUP,
            greedy: u32::from(play.greedy),
            padding: [0; 3],
        }
    }

    fn columns(&self) -> u32 {
        grid(
            (self.lanes as u32).div_ceil(GROUP),
            self.gpu().limits().max_compute_workgroups_per_dimension,
        )
        .0
    }

    /// # Errors
    /// What the block has no room for.
    fn check(&self, play: &Play<'_>) -> Result<(), Fault> {
        let rows = self.lanes * self.world.sizes.seats;
        let kept = matches!(play.moves, Moves::Random) && !play.wants.actions && !play.wants.outcomes;
        let fits = kept || (self.setup.outcomes && play.steps <= self.setup.steps);
        let given = match play.moves {
            Moves::Given(actions) => actions.len() == play.steps * rows,
            Moves::Random | Moves::Actors(_) => true,
        };
        let few = self.dispatches(play) as u64 * self.job_stride <= self.buffers.jobs.size();
        let seen = !play.wants.observations || self.setup.slots == play.steps + 1 || self.setup.slots == 1;
        if fits && given && seen && few {
            return Ok(());
        }
        Err(Fault::run(format!(
            "a rollout of {} steps does not fit a block made for {} with {} places for observations",
            play.steps, self.setup.steps, self.setup.slots
        )))
    }

    /// The job of a dispatch that only asks how many lanes there are.
    pub(crate) fn write_job(&self) {
        let job = self.job(&Play::nothing(), 0, 0);
        self.gpu()
            .queue
            .write_buffer(&self.buffers.jobs, 0, bytemuck::bytes_of(&job));
    }

    /// Starts the first episode of every lane.
    ///
    /// # Errors
    /// The device has gone.
    pub fn reset(&self) -> Result<(), Fault> {
        let gpu = self.gpu();
        gpu.check()?;
        let job = Job {
            source: START,
            ..self.job(&Play::nothing(), 0, 0)
        };
        gpu.queue.write_buffer(&self.buffers.jobs, 0, bytemuck::bytes_of(&job));
        let mut encoder = gpu.device.create_command_encoder(&CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor::default());
            self.dispatch(&mut pass, &self.world.look, 0);
        }
        let submission = gpu.queue.submit([encoder.finish()]);
        gpu.wait(submission)
    }

    fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>, pipeline: &wgpu::ComputePipeline, job: u64) {
        let most = self.gpu().limits().max_compute_workgroups_per_dimension;
        let (columns, lines) = grid((self.lanes as u32).div_ceil(GROUP), most);
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &self.group, &[(job * self.job_stride) as u32]);
        pass.dispatch_workgroups(columns, lines, 1);
    }

    /// Plays, and hands what came back to `take`.
    ///
    /// # Errors
    /// A rollout that the block has no room for; a device that has gone or is out of memory.
    pub fn play<T>(&mut self, play: &Play<'_>, take: impl FnOnce(Taken<'_>) -> T) -> Result<T, Fault> {
        self.check(play)?;
        let gpu = self.gpu();
        gpu.check()?;
        let acting = matches!(play.moves, Moves::Actors(_));
        self.write_jobs(play, acting);
        if let Moves::Given(actions) = play.moves {
            gpu.queue
                .write_buffer(&self.buffers.actions, 0, bytemuck::cast_slice(actions));
        }
        let clock = (play.wants.time && gpu.device.features().contains(Features::TIMESTAMP_QUERY)).then(|| {
            gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("time"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            })
        });
        let mut encoder = gpu.device.create_command_encoder(&CommandEncoderDescriptor::default());
        self.encode(&mut encoder, play, clock.as_ref());
        let mut reading = Reading::new();
        let places = self.ask(play, &mut reading);
        let times = match &clock {
            None => 0..0,
            Some(clock) => {
                let usage = wgpu::BufferUsages::QUERY_RESOLVE;
                let resolved = gpu.buffer("the times", 16, usage)?;
                encoder.resolve_query_set(clock, 0..2, &resolved, 0);
                reading.ask(&resolved, 0, 16)
            }
        };
        let pending = reading.encode(gpu, &mut encoder)?;
        let submission = gpu.attempt("a rollout", || gpu.queue.submit([encoder.finish()]))?;
        let period = gpu.queue.get_timestamp_period();
        pending.read(gpu, submission, |bytes| take(places.taken(bytes, times, period)))
    }

    /// Dispatches of a rollout without policies: as many steps in each as the device goes through with.
    fn dispatches(&self, play: &Play<'_>) -> usize {
        play.steps.div_ceil(self.world.steps.max(1)).max(1)
    }

    /// One job per step where policies act in between, else one for many steps.
    fn write_jobs(&self, play: &Play<'_>, acting: bool) {
        let stride = self.job_stride as usize;
        let most = if acting { 1 } else { self.world.steps };
        let jobs = if acting { play.steps + 1 } else { self.dispatches(play) };
        let mut bytes = vec![0; jobs * stride];
        for (number, bytes) in bytes.chunks_exact_mut(stride).enumerate() {
            let tick = number.saturating_mul(most);
            let ticks = if acting { 1 } else { most.min(play.steps - tick) };
            let job = self.job(play, tick, ticks);
            bytes[..size_of::<Job>()].copy_from_slice(bytemuck::bytes_of(&job));
        }
        self.gpu().queue.write_buffer(&self.buffers.jobs, 0, &bytes);
    }

    fn encode(&self, encoder: &mut wgpu::CommandEncoder, play: &Play<'_>, clock: Option<&QuerySet>) {
        let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor {
            label: Some("rollout"),
            timestamp_writes: clock.map(|query_set| ComputePassTimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            }),
        });
        self.dispatch(&mut pass, &self.world.look, 0);
        let Moves::Actors(actors) = play.moves else {
            return (0..self.dispatches(play) as u64)
                .for_each(|number| self.dispatch(&mut pass, &self.world.rollout, number));
        };
        for tick in 0..play.steps as u64 {
            actors
                .iter()
                .for_each(|actor| actor.dispatch(&mut pass, tick * self.job_stride));
            self.dispatch(&mut pass, &self.world.rollout, tick);
        }
        if play.wants.last_values {
            let last = play.steps as u64 * self.job_stride;
            actors.iter().for_each(|actor| actor.dispatch(&mut pass, last));
        }
    }

    fn ask(&self, play: &Play<'_>, reading: &mut Reading) -> Places {
        let sizes = &self.world.sizes;
        let rows = self.lanes * sizes.seats;
        let all = play.steps * rows;
        let mut words = |wanted: bool, buffer: &wgpu::Buffer, from: usize, count: usize| {
            if wanted {
                reading.ask(buffer, 4 * from as u64, 4 * count as u64)
            } else {
                0..0
            }
        };
        let wants = play.wants;
        let row = sizes.observation_words * rows;
        let slots = self.setup.slots.min(play.steps + 1);
        Places {
            observations: words(wants.observations, &self.buffers.observations, 0, slots * row),
            final_observations: words(
                wants.final_observations,
                &self.buffers.observations,
                self.setup.slots * row,
                play.steps * row,
            ),
            rewards: words(wants.outcomes, &self.buffers.outcomes, 0, all),
            shaped: words(wants.outcomes, &self.buffers.outcomes, all, all),
            flags: words(wants.outcomes, &self.buffers.outcomes, 2 * all, play.steps * self.lanes),
            actions: words(wants.actions, &self.buffers.actions, 0, all),
            log_probs: words(wants.answers, &self.buffers.answers, 0, all),
            values: words(wants.answers, &self.buffers.answers, all, all + rows),
            states: words(wants.lanes, &self.buffers.states, 0, self.lanes * sizes.words),
            clocks: words(wants.lanes, &self.buffers.clocks, 0, 2 * self.lanes),
        }
    }
}

/// Where everything lies in the bytes that come back.
struct Places {
    observations: Range<usize>,
    final_observations: Range<usize>,
    rewards: Range<usize>,
    shaped: Range<usize>,
    flags: Range<usize>,
    actions: Range<usize>,
    log_probs: Range<usize>,
    values: Range<usize>,
    states: Range<usize>,
    clocks: Range<usize>,
}

impl Places {
    fn taken<'a>(&self, bytes: &'a [u8], times: Range<usize>, period: f32) -> Taken<'a> {
        // Of a read of nothing not even the address is a word's.
        fn part<'a, T: Pod>(bytes: &'a [u8], range: &Range<usize>) -> &'a [T] {
            if range.is_empty() {
                return &[];
            }
            bytemuck::cast_slice(&bytes[range.clone()])
        }
        let words = |range: &Range<usize>| part(bytes, range);
        let floats = |range: &Range<usize>| part(bytes, range);
        let stamps: Vec<u64> = bytes[times].chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
        let ticks = |stamps: &[u64]| stamps[1].saturating_sub(stamps[0]) as f64;
        Taken {
            observations: words(&self.observations),
            final_observations: words(&self.final_observations),
            rewards: floats(&self.rewards),
            shaped: floats(&self.shaped),
            flags: words(&self.flags),
            actions: words(&self.actions),
            log_probs: floats(&self.log_probs),
            values: floats(&self.values),
            states: words(&self.states),
            clocks: words(&self.clocks),
            seconds: (stamps.len() == 2).then(|| ticks(&stamps) * f64::from(period) * 1e-9),
        }
    }
}
