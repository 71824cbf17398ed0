//! Who acts in an environment: gathers each agent's rows, lets its policy act, and puts the answers back in their places.
//!
//! Where one agent fills every seat and every seat acts, its rows are all rows and nothing is copied. Where seats change, a player is one
//! chair, and its rows are those of the lanes in which somebody sits on it: one batch per agent and replica.

use crate::shards::{act_in_shards, values_in_shards};
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::random::Key;
use starling_components::spaces::{ActionBuffer, ActionsMut, EnvironmentShape, ObservationBuffer, Observations};

/// One agent in the seats that it plays, with the parameters of one replica.
pub(crate) struct Player<'a> {
    /// The policy.
    pub policy: &'a dyn Act,
    /// One replica's, `[n]`.
    pub parameters: &'a [f32],
    /// Keys this replica's draws in this environment.
    pub key: Key,
    /// The seats, rising; where seats change, those that it may sit in, which look alike.
    pub seats: &'a [usize],
    /// Name of the agent, for faults.
    pub name: &'a str,
    /// See [`ActInput::explore`].
    pub explore: f32,
}

/// One moment of all lanes. Rows are `lane * seats + seat`.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// `[lanes, seats, width]`.
    pub observations: Observations<'a>,
    /// `[lanes, seats, moves]`.
    pub legal: Option<&'a [u8]>,
    /// `[lanes, seats]`; absent where every seat acts.
    pub active: Option<&'a [u8]>,
    /// See [`ActInput::time`].
    pub time: u32,
    /// Take the most probable action.
    pub greedy: bool,
}

/// Where all players write. Rows as in [`Moment`].
pub(crate) struct Moves<'a> {
    /// `[lanes, seats, components]`.
    pub actions: ActionsMut<'a>,
    /// `[lanes, seats]`.
    pub log_probs: &'a mut [f32],
    /// `[lanes, seats]`.
    pub values: &'a mut [f32],
    /// `[lanes, seats, carry]`, read and written.
    pub carry: &'a mut [f32],
}

/// Sizes of one environment's rows, and buffers that are filled anew at every use and kept between uses.
pub(crate) struct Table {
    /// Row numbers, `[lanes, seats]`, counted from the first lane of all.
    ids: Vec<u32>,
    lanes: usize,
    seats: usize,
    width: usize,
    components: usize,
    moves: usize,
    /// Floats of recurrent state per row: the most of any player.
    carry: usize,
    /// Elements of one observation and moves of each seat, which may be less than a row has room for.
    own_width: Vec<usize>,
    own_moves: Vec<usize>,
    own_components: Vec<usize>,
    /// Where seats change.
    seated: Option<Seated>,
    scratch: Scratch,
}

/// All rows, ordered by chair and rising within one; those of chair c are `starts[c]..starts[c + 1]`.
#[derive(Default)]
struct Seated {
    rows: Vec<usize>,
    starts: Vec<usize>,
}

/// The rows of one player.
struct Scratch {
    rows: Vec<usize>,
    ids: Vec<u32>,
    observations: ObservationBuffer,
    actions: ActionBuffer,
    legal: Vec<u8>,
    log_probs: Vec<f32>,
    values: Vec<f32>,
    carry_in: Vec<f32>,
    carry_out: Vec<f32>,
}

impl Table {
    /// For the lanes `first..first + lanes` of an environment of this shape.
    pub(crate) fn new(shape: &EnvironmentShape, first: u32, lanes: usize, carry: usize) -> Self {
        let seats = shape.seats.len();
        let first = first * seats as u32;
        Self {
            ids: (0..(lanes * seats) as u32).map(|row| first + row).collect(),
            lanes,
            seats,
            width: shape.observation_width(),
            components: shape.action_components(),
            moves: if shape.masks { shape.moves() } else { 0 },
            carry,
            own_width: shape.seats.iter().map(|s| s.observation.len()).collect(),
            own_moves: shape.seats.iter().map(|s| s.action.moves()).collect(),
            own_components: shape.seats.iter().map(|s| s.action.components()).collect(),
            seated: None,
            scratch: Scratch {
                rows: Vec::new(),
                ids: Vec::new(),
                observations: ObservationBuffer::zeros(shape, 0),
                actions: ActionBuffer::zeros(shape, 0),
                legal: Vec::new(),
                log_probs: Vec::new(),
                values: Vec::new(),
                carry_in: Vec::new(),
                carry_out: Vec::new(),
            },
        }
    }

    /// Players sit down: from now on the rows of player p are those whose chair is p. `chairs` is `[lanes, seats]`.
    ///
    /// # Errors
    /// A chair that is nobody's.
    pub(crate) fn sit(&mut self, chairs: &[u16], players: usize) -> Result<(), Fault> {
        let seated = self.seated.get_or_insert_default();
        seated.starts.clear();
        seated.starts.resize(players + 1, 0);
        for &chair in chairs {
            let Some(count) = seated.starts.get_mut(usize::from(chair) + 1) else {
                return Err(Fault::run(format!("chair {chair} is taken, and there are {players}")));
            };
            *count += 1;
        }
        for chair in 0..players {
            seated.starts[chair + 1] += seated.starts[chair];
        }
        seated.rows.clear();
        seated.rows.resize(chairs.len(), 0);
        for (row, &chair) in chairs.iter().enumerate() {
            // `starts[c]` moves to the end of c's rows, which is where those of c + 1 start.
            let next = &mut seated.starts[usize::from(chair)];
            seated.rows[*next] = row;
            *next += 1;
        }
        seated.starts.rotate_right(1);
        seated.starts[0] = 0;
        Ok(())
    }

    /// All players act. Idle seats get action, log-probability and value 0 and keep their carry.
    ///
    /// # Errors
    /// What a policy refuses, with the agent as location.
    pub(crate) fn act(
        &mut self,
        players: &[Player<'_>],
        moment: Moment<'_>,
        moves: &mut Moves<'_>,
    ) -> Result<(), Fault> {
        if let [player] = players
            && moment.active.is_none()
        {
            return self.act_everywhere(player, moment, moves);
        }
        match &mut moves.actions {
            ActionsMut::Discrete(actions) => actions.fill(0),
            ActionsMut::Continuous(actions) => actions.fill(0.0),
        }
        moves.log_probs.fill(0.0);
        moves.values.fill(0.0);
        for (index, player) in players.iter().enumerate() {
            self.gather(index, player, moment, Some(moves.carry));
            let scratch = &mut self.scratch;
            if scratch.rows.is_empty() {
                continue;
            }
            let carry_len = player.policy.carry_len();
            let (lanes_seats, components) = (scratch.rows.len(), self.own_components[player.seats[0]]);
            resize_actions(&mut scratch.actions, lanes_seats * components);
            scratch.log_probs.resize(lanes_seats, 0.0);
            scratch.values.resize(lanes_seats, 0.0);
            scratch.carry_out.resize(lanes_seats * carry_len, 0.0);
            let input = ActInput {
                observations: whole(&scratch.observations),
                legal: moment.legal.is_some().then_some(&scratch.legal),
                carry: &scratch.carry_in,
                ids: &scratch.ids,
                time: moment.time,
                key: player.key,
                greedy: moment.greedy,
                explore: player.explore,
            };
            let output = ActOutput {
                actions: match &mut scratch.actions {
                    ActionBuffer::Discrete(a) => ActionsMut::Discrete(a),
                    ActionBuffer::Continuous(a) => ActionsMut::Continuous(a),
                },
                log_probs: &mut scratch.log_probs,
                values: &mut scratch.values,
                carry: &mut scratch.carry_out,
            };
            act_in_shards(player.policy, player.parameters, input, output).map_err(|fault| at(player, fault))?;
            for (index, &row) in scratch.rows.iter().enumerate() {
                let (to, from) = (row * self.components, index * components);
                match (&mut moves.actions, &scratch.actions) {
                    (ActionsMut::Discrete(all), ActionBuffer::Discrete(own)) => {
                        all[to..to + components].copy_from_slice(&own[from..from + components]);
                    }
                    (ActionsMut::Continuous(all), ActionBuffer::Continuous(own)) => {
                        all[to..to + components].copy_from_slice(&own[from..from + components]);
                    }
                    _ => return Err(Fault::run("actions of two element types in one environment")),
                }
                moves.log_probs[row] = scratch.log_probs[index];
                moves.values[row] = scratch.values[index];
                moves.carry[row * self.carry..][..carry_len]
                    .copy_from_slice(&scratch.carry_out[index * carry_len..][..carry_len]);
            }
        }
        Ok(())
    }

    fn act_everywhere(&mut self, player: &Player<'_>, moment: Moment<'_>, moves: &mut Moves<'_>) -> Result<(), Fault> {
        let scratch = &mut self.scratch;
        scratch.carry_in.clear();
        scratch.carry_in.extend_from_slice(moves.carry);
        let input = ActInput {
            observations: moment.observations,
            legal: moment.legal,
            carry: &scratch.carry_in,
            ids: &self.ids,
            time: moment.time,
            key: player.key,
            greedy: moment.greedy,
            explore: player.explore,
        };
        let output = ActOutput {
            actions: match &mut moves.actions {
                ActionsMut::Discrete(a) => ActionsMut::Discrete(a),
                ActionsMut::Continuous(a) => ActionsMut::Continuous(a),
            },
            log_probs: moves.log_probs,
            values: moves.values,
            carry: moves.carry,
        };
        act_in_shards(player.policy, player.parameters, input, output).map_err(|fault| at(player, fault))
    }

    /// Value estimates of all rows, `[lanes, seats]`.
    ///
    /// # Errors
    /// What a policy refuses, with the agent as location.
    pub(crate) fn values(
        &mut self,
        players: &[Player<'_>],
        moment: Moment<'_>,
        carry: &[f32],
        values: &mut [f32],
    ) -> Result<(), Fault> {
        let moment = Moment { active: None, ..moment };
        if let [player] = players {
            let input = ActInput {
                observations: moment.observations,
                legal: moment.legal,
                carry,
                ids: &self.ids,
                time: moment.time,
                key: player.key,
                greedy: moment.greedy,
                explore: player.explore,
            };
            return values_in_shards(player.policy, player.parameters, input, values)
                .map_err(|fault| at(player, fault));
        }
        for (index, player) in players.iter().enumerate() {
            self.gather(index, player, moment, Some(carry));
            let scratch = &mut self.scratch;
            if scratch.rows.is_empty() {
                continue;
            }
            scratch.values.resize(scratch.rows.len(), 0.0);
            let input = ActInput {
                observations: whole(&scratch.observations),
                legal: moment.legal.is_some().then_some(&scratch.legal),
                carry: &scratch.carry_in,
                ids: &scratch.ids,
                time: moment.time,
                key: player.key,
                greedy: moment.greedy,
                explore: player.explore,
            };
            values_in_shards(player.policy, player.parameters, input, &mut scratch.values)
                .map_err(|fault| at(player, fault))?;
            for (index, &row) in scratch.rows.iter().enumerate() {
                values[row] = scratch.values[index];
            }
        }
        Ok(())
    }

    /// Copies the acting rows of the player with this number into the scratch buffers. All its seats have the same shape.
    fn gather(&mut self, index: usize, player: &Player<'_>, moment: Moment<'_>, carry: Option<&[f32]>) {
        let scratch = &mut self.scratch;
        scratch.rows.clear();
        let acts = |row: &usize| moment.active.is_none_or(|active| active[*row] != 0);
        if let Some(seated) = &self.seated {
            let own = &seated.rows[seated.starts[index]..seated.starts[index + 1]];
            scratch.rows.extend(own.iter().copied().filter(acts));
        } else {
            for lane in 0..self.lanes {
                let rows = player.seats.iter().map(|seat| lane * self.seats + seat);
                scratch.rows.extend(rows.filter(acts));
            }
        }
        let seat = player.seats[0];
        scratch.ids.clear();
        scratch.ids.extend(scratch.rows.iter().map(|&row| self.ids[row]));
        let width = self.own_width[seat];
        match (&mut scratch.observations, moment.observations) {
            (ObservationBuffer::Bytes(own), Observations::Bytes(all)) => {
                pick(own, all, &scratch.rows, self.width, width);
            }
            (ObservationBuffer::Floats(own), Observations::Floats(all)) => {
                pick(own, all, &scratch.rows, self.width, width);
            }
            _ => debug_assert!(false, "buffers are made for the environment's element kind"),
        }
        if let Some(legal) = moment.legal {
            pick(
                &mut scratch.legal,
                legal,
                &scratch.rows,
                self.moves,
                self.own_moves[seat],
            );
        }
        if let Some(carry) = carry {
            pick(
                &mut scratch.carry_in,
                carry,
                &scratch.rows,
                self.carry,
                player.policy.carry_len(),
            );
        }
    }
}

fn at(player: &Player<'_>, fault: Fault) -> Fault {
    if fault.key.is_empty() {
        return fault.within(["agent".to_owned(), player.name.to_owned()]);
    }
    fault
}

fn whole(buffer: &ObservationBuffer) -> Observations<'_> {
    buffer.slice(0..buffer.len())
}

fn resize_actions(actions: &mut ActionBuffer, len: usize) {
    match actions {
        ActionBuffer::Discrete(a) => a.resize(len, 0),
        ActionBuffer::Continuous(a) => a.resize(len, 0.0),
    }
}

/// The first `take` elements of the chosen rows of `[rows, width]`.
fn pick<T: Copy>(out: &mut Vec<T>, all: &[T], rows: &[usize], width: usize, take: usize) {
    out.clear();
    for &row in rows {
        out.extend_from_slice(&all[row * width..row * width + take]);
    }
}
