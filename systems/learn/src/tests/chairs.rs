//! Seats that change: a learner learns from its own rows, as if the others' had never been.

use super::equality::close;
use super::masks::{MOVES, STEPS, a_network, gradient_of, rollout};
use super::parameters;
use starling_components::learn::Experience;
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ActionBuffer, EnvironmentShape, ObservationBuffer};

pub(super) const LANES: usize = 2;
pub(super) const SEATS: usize = 2;

/// The last steps of episodes, by lane.
const ENDS: [&[usize]; LANES] = [&[3, 8], &[0, 6, STEPS - 1]];
/// Who sat in each seat, episode by episode.
const CHAIRS: [[&[u16]; SEATS]; LANES] = [[&[0, 2, 0], &[1, 0, 0]], [&[2, 0, 1], &[0, 1, 1]]];

pub(super) fn chair(lane: usize, seat: usize, episode: usize) -> u16 {
    CHAIRS[lane][seat][episode]
}

fn row(step: usize, lane: usize, seat: usize) -> usize {
    (step * LANES + lane) * SEATS + seat
}

/// Episodes end, half of them cut off; chair 0 is the learner's.
pub(super) fn drawn(turns: bool) -> ReplicaRollout {
    let mut rollout = rollout(&a_network());
    rollout.shaped.copy_from_slice(&rollout.log_probs);
    if !turns {
        rollout.active.clear();
    }
    rollout.chairs = vec![0; rollout.rewards.len()];
    for lane in 0..LANES {
        let mut episode = 0;
        for step in 0..STEPS {
            for seat in 0..SEATS {
                rollout.chairs[row(step, lane, seat)] = chair(lane, seat, episode);
            }
            if ENDS[lane].contains(&step) {
                let flags = [&mut rollout.terminated, &mut rollout.truncated];
                flags[episode % 2][step * LANES + lane] = 1;
                episode += 1;
            }
        }
    }
    rollout
}

/// The rows of one seat of one lane in `steps`, as a rollout of their own.
pub(super) fn cut(all: &ReplicaRollout, lane: usize, seat: usize, steps: std::ops::Range<usize>) -> ReplicaRollout {
    let shape = EnvironmentShape {
        seats: vec![a_network().seat],
        state_words: 1,
        max_steps: None,
        global_len: 0,
        masks: true,
        turns: !all.active.is_empty(),
        events: Vec::new(),
    };
    let mut part = ReplicaRollout::zeros(&shape, steps.len(), 1, 0, false);
    for (to, step) in steps.clone().enumerate() {
        let (row, cell, width) = (row(step, lane, seat), step * LANES + lane, all.width);
        if let (ObservationBuffer::Floats(to_all), ObservationBuffer::Floats(from)) =
            (&mut part.observations, &all.observations)
        {
            to_all[to * width..(to + 1) * width].copy_from_slice(&from[row * width..(row + 1) * width]);
        }
        if let (ActionBuffer::Discrete(to_all), ActionBuffer::Discrete(from)) = (&mut part.actions, &all.actions) {
            to_all[to] = from[row];
        }
        part.legal[to * MOVES..(to + 1) * MOVES].copy_from_slice(&all.legal[row * MOVES..(row + 1) * MOVES]);
        (part.log_probs[to], part.values[to]) = (all.log_probs[row], all.values[row]);
        (part.rewards[to], part.shaped[to]) = (all.rewards[row], all.shaped[row]);
        (part.terminated[to], part.truncated[to]) = (all.terminated[cell], all.truncated[cell]);
        if let Some(active) = all.active.get(row) {
            part.active[to] = *active;
        }
    }
    part.values[steps.len()] = all.values[row(steps.end, lane, seat)];
    part
}

/// Every stretch in which the learner sat somewhere: lane, seat and steps.
pub(super) fn own_stretches() -> Vec<(usize, usize, std::ops::Range<usize>)> {
    let mut parts = Vec::new();
    for (lane, ends) in ENDS.iter().enumerate() {
        let mut starts = vec![0];
        starts.extend(ends.iter().map(|end| end + 1));
        for seat in 0..SEATS {
            for (episode, &start) in starts.iter().enumerate() {
                let end = starts.get(episode + 1).copied().unwrap_or(STEPS);
                if start < end && chair(lane, seat, episode) == 0 {
                    parts.push((lane, seat, start..end));
                }
            }
        }
    }
    parts
}

pub(super) fn own(rollout: &ReplicaRollout, chair: u16) -> [Experience<'_>; 1] {
    [Experience {
        rollout,
        seats: &[0, 1],
        chair: Some(chair),
    }]
}

#[test]
fn the_gradient_is_that_of_the_own_rows_alone() {
    for turns in [false, true] {
        let network = a_network();
        let (values, layout) = (parameters(&network, 1), network.layout.clone());
        let all = drawn(turns);
        let parts = own_stretches().into_iter();
        let parts: Vec<_> = parts.map(|(lane, seat, steps)| cut(&all, lane, seat, steps)).collect();
        assert_eq!(parts.len(), 6);
        let alone: Vec<Experience<'_>> = parts
            .iter()
            .map(|rollout| Experience {
                rollout,
                seats: &[0],
                chair: None,
            })
            .collect();
        let (ours, report) = gradient_of(network, &own(&all, 0), &values);
        let (reference, _) = gradient_of(a_network(), &alone, &values);
        for entry in &layout.entries {
            close(&entry.name, &ours[entry.range()], &reference[entry.range()]);
        }
        let rows = parts.iter().map(|part| {
            if turns {
                part.active.iter().filter(|&&active| active != 0).count()
            } else {
                part.steps
            }
        });
        let rows = rows.sum::<usize>() as f64;
        assert!(
            report.metrics.contains(&("samples".to_owned(), rows)),
            "{rows} rows, {report:?}"
        );
    }
}

#[test]
fn rows_of_others_change_no_bit() {
    let network = a_network();
    let values = parameters(&network, 1);
    let clean = drawn(false);
    let mut dirty = clean.clone();
    let width = dirty.width;
    for row in (0..clean.chairs.len()).filter(|&row| clean.chairs[row] != 0) {
        if let ObservationBuffer::Floats(floats) = &mut dirty.observations {
            floats[row * width..][..width].fill(7.0);
        }
        (dirty.rewards[row], dirty.shaped[row]) = (f32::NAN, 9.0);
        (dirty.values[row], dirty.log_probs[row]) = (50.0, -9.0);
    }
    let (ours, reference) = (own(&dirty, 0), own(&clean, 0));
    assert_eq!(
        gradient_of(network, &ours, &values),
        gradient_of(a_network(), &reference, &values)
    );
}

#[test]
fn an_update_without_rows_changes_nothing_and_says_so() {
    let network = a_network();
    let values = parameters(&network, 1);
    let (gradient, report) = gradient_of(network, &own(&drawn(false), 7), &values);
    assert!(gradient.is_empty(), "an optimiser step was made");
    let expected = [("samples", 0.0), ("update_skipped", 1.0)].map(|(name, value)| (name.to_owned(), value));
    assert_eq!(report.metrics, expected);
}
