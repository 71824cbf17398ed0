//! A policy on the device: its kernel is composed from its operations.

use crate::block::Block;
use crate::compose::literal;
use crate::gpu::Gpu;
use crate::play::grid;
use crate::sources;
use crate::world::{Bound, GROUP, bind, layout};
use starling_components::Fault;
use starling_components::layers::Activation;
use starling_components::program::{Operation, Program, Step};
use starling_components::spaces::{ElementKind, EnvironmentShape};
use starling_components::twin::Constant;
use std::fmt::Write;
use wgpu::{BindGroup, Buffer, ComputePipeline};

/// A policy's kernel, its parameters and the seats that it fills.
#[derive(Debug)]
pub struct Actor {
    pipeline: ComputePipeline,
    group: BindGroup,
    parameters: Buffer,
    groups: (u32, u32),
    /// Numbers of all members.
    len: usize,
}

/// Where the numbers of each step lie in the memory of a group, and how many there are in all.
fn places(program: &Program) -> (Vec<usize>, usize) {
    let mut end = program.inputs;
    let mut place = |step: &Step| {
        let begin = end;
        end += step.len;
        begin
    };
    let places = program.steps.iter().map(&mut place).collect();
    (places, end)
}

/// Iterations of the loops of one invocation, at most.
fn loops(program: &Program) -> usize {
    let turns = |outputs: usize| outputs.div_ceil(GROUP as usize);
    let step = |step: &Step| match step.operation {
        Operation::Dense { inputs, outputs, .. } => turns(outputs) * (inputs + 1),
        Operation::Conv {
            height,
            width,
            channels,
            features,
            side,
            ..
        } => turns(height * width * features) * (side * side * (channels + 1) + 1),
        Operation::LayerNorm { axis, len, .. } => turns(len / axis.max(1)) * (3 * axis + 1),
        Operation::Activate { len, .. } => turns(len),
    };
    turns(program.inputs) + 3 * program.moves + program.steps.iter().map(step).sum::<usize>()
}

/// How many rows go through the network together: as many as the memory of a group has room for; `None`: not even one.
fn rows_together(gpu: &Gpu, program: &Program) -> Option<usize> {
    if loops(program) > gpu.loops() {
        return None;
    }
    let (_, numbers) = places(program);
    let most = gpu.limits().max_compute_workgroup_storage_size as usize;
    [4, 1].into_iter().find(|rows| numbers * 4 * rows <= most)
}

fn activation(activation: Activation) -> u32 {
    match activation {
        Activation::None => 0,
        Activation::Relu => 1,
        Activation::Tanh => 2,
    }
}

/// The body of `network`: one call per step.
fn calls(program: &Program) -> String {
    let (places, _) = places(program);
    let mut text = String::from("fn network(thread: u32, base: u32) {\n");
    for (step, place) in program.steps.iter().zip(&places) {
        let source = step.from.map_or(0, |from| places[from]);
        let (weights, bias) = (step.weights, step.bias);
        let call = match step.operation {
            Operation::Dense {
                inputs,
                outputs,
                activation: after,
            } => format!(
                "dense({source}u, {place}u, {inputs}u, {outputs}u, base + {weights}u, base + {bias}u, {}u, thread)",
                activation(after)
            ),
            Operation::Conv {
                height,
                width,
                channels,
                features,
                side,
                activation: after,
            } => format!(
                "conv({source}u, {place}u, vec2<u32>({height}u, {width}u), {channels}u, {features}u, {side}u, base + {weights}u, \
                 base + {bias}u, {}u, thread)",
                activation(after)
            ),
            Operation::LayerNorm { axis, len, eps } => format!(
                "layer_norm({source}u, {place}u, {axis}u, {len}u, {eps:?}f, base + {weights}u, base + {bias}u, thread)"
            ),
            Operation::Activate { len, activation: after } => {
                format!("activate({source}u, {place}u, {len}u, {}u, thread)", activation(after))
            }
        };
        writeln!(text, "    {call};\n    workgroupBarrier();").unwrap_or_else(|_| unreachable!("strings grow"));
    }
    text.push_str("}\n");
    text
}

/// The whole text of a policy's kernel in `seats` of a game that is observed by bytes, for one row at a time or four.
pub fn compose_policy(program: &Program, shape: &EnvironmentShape, seats: &[usize], rows: usize) -> String {
    let (places, memory) = places(program);
    let word = |number: usize| Constant::Word(number as u32);
    let width = shape.observation_width();
    let observation_words = if shape.float_observations() {
        width
    } else {
        width.div_ceil(4)
    };
    let element = shape.seats[seats[0]].observation.element;
    let constants = [
        ("SEATS", word(shape.seats.len())),
        ("OBSERVATION_WORDS", word(observation_words)),
        // Read by the sources of observations, and not by policies.
        ("CHANNELS", word(1)),
        ("OWN", word(seats.len())),
        ("INPUTS", word(program.inputs)),
        ("MOVES", word(program.moves)),
        ("PARAMETERS", word(program.parameters)),
        ("MEMORY", word(memory)),
        ("LOGITS", word(places[program.policy])),
        ("VALUE", word(places[program.value])),
        ("FLOAT_INPUTS", Constant::Flag(element == ElementKind::F32)),
        ("SIGNED_INPUTS", Constant::Flag(element == ElementKind::I8)),
    ];
    let mut text = String::new();
    for (name, value) in constants {
        let (kind, value) = literal(value);
        writeln!(text, "const {name}: {kind} = {value};").unwrap_or_else(|_| unreachable!("strings grow"));
    }
    let list: Vec<String> = seats.iter().map(|seat| format!("{seat}u")).collect();
    let own = seats.len();
    writeln!(
        text,
        "var<private> own_seats: array<u32, {own}> = array<u32, {own}>({});",
        list.join(", ")
    )
    .unwrap_or_else(|_| unreachable!("strings grow"));
    let by = if rows == 1 {
        sources::ROWS_ALONE
    } else {
        sources::ROWS_BY_FOUR
    };
    for part in [
        sources::RANDOM,
        sources::MATHS,
        sources::JOB,
        sources::SEE_BYTES,
        by,
        sources::LAYERS,
        sources::ACT,
    ] {
        text.push('\n');
        text.push_str(part);
    }
    text.push('\n');
    text.push_str(&calls(program));
    text
}

impl Actor {
    /// Whether a device has room for this policy.
    pub fn fits(gpu: &Gpu, program: &Program) -> bool {
        rows_together(gpu, program).is_some()
    }

    /// The policy in `seats` of a block, which observes by bytes. All these seats see alike.
    ///
    /// # Errors
    /// A policy that the device has no room for; no memory.
    pub fn new(block: &Block, shape: &EnvironmentShape, program: &Program, seats: &[usize]) -> Result<Self, Fault> {
        let gpu = block.gpu();
        let members = block.setup.keys.len();
        let Some(mut rows) = rows_together(gpu, program) else {
            let message = format!(
                "a row of this policy has {} numbers and up to {} iterations of loops, more than a group of invocations of {} has room \
                 for or goes through with",
                places(program).1,
                loops(program),
                gpu.report().name
            );
            return Err(Fault::run(message).advise("a smaller network, or `backend = \"cpu\"`"));
        };
        if members > 1 && !(block.setup.lanes * seats.len()).is_multiple_of(rows) {
            rows = 1;
        }
        let text = compose_policy(program, shape, seats, rows);
        let bindings = [
            Bound::Job,
            Bound::Read,
            Bound::Write,
            Bound::Write,
            Bound::Read,
            Bound::Read,
        ];
        let layout = layout(gpu, "a policy", &bindings)?;
        let pipeline = gpu.pipeline(&text, "act", &layout)?;
        let len = program.parameters * members;
        let parameters = gpu.buffer("the parameters", 4 * len as u64, wgpu::BufferUsages::STORAGE)?;
        let group = bind(
            gpu,
            "a policy",
            &layout,
            &[
                &block.buffers.jobs,
                &block.buffers.observations,
                &block.buffers.actions,
                &block.buffers.answers,
                &parameters,
                &block.buffers.keys,
            ],
        )?;
        let groups = (block.lanes * seats.len()).div_ceil(rows) as u32;
        Ok(Self {
            pipeline,
            group,
            parameters,
            groups: grid(groups, gpu.limits().max_compute_workgroups_per_dimension),
            len,
        })
    }

    /// From now on acts by these parameters, `[members, n]`.
    ///
    /// # Errors
    /// Another number of them.
    pub fn set(&self, gpu: &Gpu, parameters: &[f32]) -> Result<(), Fault> {
        if parameters.len() != self.len {
            let got = parameters.len();
            return Err(Fault::run(format!("{got} parameters for a policy of {}", self.len)));
        }
        gpu.queue
            .write_buffer(&self.parameters, 0, bytemuck::cast_slice(parameters));
        Ok(())
    }

    pub(crate) fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>, job: u64) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[job as u32]);
        pass.dispatch_workgroups(self.groups.0, self.groups.1, 1);
    }
}
