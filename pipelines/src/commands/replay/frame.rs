//! One state of an episode, with what is done in it and what the seats think: as text, as JSON, as a caption.

use super::parameters::Source;
use serde_json::{Value, json};
use starling_components::EntityName;
use starling_components::picture::Portrait;
use starling_components::spaces::ActionSpace;
use starling_record::steps::EpisodeKey;
use starling_simulate::watch::Thought;
use std::fmt::Write as _;

/// Moves up to this number have a column each; of more, the most probable are listed.
const COLUMNS: usize = 8;
/// How many are listed.
const LISTED: usize = 5;

/// What all frames of an episode have in common.
pub(super) struct Title {
    text: String,
    /// Steps of the episode; for a fresh one the most there can be.
    of: Option<usize>,
    parameters: Option<String>,
    json: Value,
}

impl Title {
    pub(super) fn of_recorded(id: &EpisodeKey, steps: usize) -> Self {
        let EpisodeKey {
            entity,
            tick,
            replica,
            lane,
            episode,
            ..
        } = id;
        Self {
            text: format!("{entity} replica {replica} lane {lane} episode {episode}"),
            of: Some(steps),
            parameters: None,
            json: json!({ "entity": entity, "replica": replica, "lane": lane, "episode": episode, "tick": tick }),
        }
    }

    pub(super) fn of_fresh(environment: &EntityName, seed: u64, steps: Option<u32>) -> Self {
        Self {
            text: format!("{environment} fresh, seed {seed}"),
            of: steps.map(|steps| steps as usize),
            parameters: None,
            json: json!({ "entity": environment.to_string(), "fresh": true, "seed": seed }),
        }
    }

    /// Says who plays with which parameters.
    pub(super) fn take(&mut self, source: &Source, seating: &str) {
        self.parameters = Some(source.text.clone());
        self.json["seating"] = json!(seating);
        self.json["parameters"] = json!({ "commit": source.commit, "tick": source.tick });
    }

    pub(super) fn json(&self) -> Value {
        self.json.clone()
    }
}

/// A state. The one behind the last step has no seats.
pub(super) struct Frame {
    pub(super) number: usize,
    pub(super) portrait: Portrait,
    /// Return so far: the mean over seats.
    pub(super) total: f64,
    pub(super) seats: Vec<SeatFrame>,
}

/// What a seat does.
pub(super) struct SeatFrame {
    /// E.g. `chef:0`.
    pub(super) name: Option<String>,
    pub(super) space: ActionSpace,
    /// Own components; floats by bit pattern.
    pub(super) action: Vec<i32>,
    pub(super) thought: Option<Thought>,
    /// What the step pays.
    pub(super) reward: f32,
}

impl SeatFrame {
    fn moves(&self) -> &[String] {
        match &self.space {
            ActionSpace::Discrete { names } => names,
            _ => &[],
        }
    }

    /// The action in words.
    fn does(&self) -> String {
        let word = |&action: &i32| match &self.space {
            ActionSpace::Discrete { names } => {
                let name = usize::try_from(action).ok().and_then(|a| names.get(a));
                name.cloned().unwrap_or_else(|| action.to_string())
            }
            ActionSpace::Box { .. } => format!("{:.3}", f32::from_bits(action as u32)),
            _ => action.to_string(),
        };
        self.action.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn probabilities(&self) -> Option<&[f32]> {
        self.thought.as_ref()?.probabilities.as_deref()
    }

    /// `0.71*`: the star is at what is done.
    fn probability(&self, number: usize, value: f32) -> String {
        let done = self.action.first().is_some_and(|action| *action == number as i32);
        format!("{value:.2}{}", if done { "*" } else { " " })
    }

    fn json(&self) -> Value {
        let moves = self.moves();
        let probabilities = self.probabilities().map(|all| {
            let named = |(number, value): (usize, &f32)| {
                let name = moves.get(number).cloned();
                (name.unwrap_or_else(|| number.to_string()), json!(value))
            };
            Value::Object(all.iter().enumerate().map(named).collect())
        });
        json!({
            "agent": self.name,
            "does": self.does(),
            "reward": self.reward,
            "value": self.thought.as_ref().map(|t| t.value),
            "probabilities": probabilities,
        })
    }
}

impl Frame {
    /// E.g. `step 33  return 20.00`.
    pub(super) fn caption(&self) -> String {
        format!("step {}  return {:.2}", self.number, self.total)
    }

    pub(super) fn json(&self) -> Value {
        let mut data = json!({ "step": self.number, "return": self.total, "text": self.portrait.text, "views": self.portrait.views });
        if !self.seats.is_empty() {
            let actions: Vec<i32> = self.seats.iter().flat_map(|seat| seat.action.clone()).collect();
            data["actions"] = json!(actions);
            data["rewards"] = self.seats.iter().map(|seat| json!(seat.reward)).collect();
            data["seats"] = self.seats.iter().map(SeatFrame::json).collect();
        }
        data
    }

    /// Heading, the state and what each seat sees of it side by side, then a line per seat.
    pub(super) fn text(&self, title: &Title, width: usize) -> String {
        let of = title.of.map(|of| format!(" of {of}")).unwrap_or_default();
        let mut text = format!("{}: step {}{of}, return {:.2}\n", title.text, self.number, self.total);
        if let Some(parameters) = &title.parameters
            && !self.seats.is_empty()
        {
            let _ = writeln!(text, "{parameters}");
        }
        text.push_str(&self.views(width));
        if self.seats.is_empty() {
            return text;
        }
        let does: Vec<String> = self.seats.iter().map(SeatFrame::does).collect();
        let _ = writeln!(text, "actions: {}", does.join(", "));
        text.push_str(&self.thoughts());
        text
    }

    fn views(&self, width: usize) -> String {
        let whole = self.portrait.text.trim_end();
        let mut blocks = vec![whole.to_owned()];
        for (seat, view) in self.portrait.views.iter().enumerate() {
            if let Some(view) = view {
                blocks.push(format!("seat {seat} sees: {}", view.trim_end()));
            }
        }
        side_by_side(&blocks, width)
    }

    /// A line per seat that has a policy.
    fn thoughts(&self) -> String {
        let mut text = String::new();
        let moves = self.seats.first().map_or(&[][..], SeatFrame::moves);
        let table = !moves.is_empty() && moves.len() <= COLUMNS && self.seats.iter().all(|seat| seat.moves() == moves);
        if self.seats.iter().all(|seat| seat.thought.is_none()) {
            return text;
        }
        let _ = write!(text, "{:<5}{:<16}{:>9}", "seat", "agent", "value");
        if table {
            for name in moves {
                let _ = write!(text, "{name:>10}");
            }
        }
        text.push('\n');
        for (number, seat) in self.seats.iter().enumerate() {
            let Some(thought) = &seat.thought else { continue };
            let name = seat.name.as_deref().unwrap_or_default();
            let _ = write!(text, "{number:<5}{name:<16}{:>9.2}", thought.value);
            let all = seat.probabilities().unwrap_or_default();
            if table {
                for (number, value) in all.iter().enumerate() {
                    let _ = write!(text, "{:>10}", seat.probability(number, *value));
                }
            } else {
                let mut likely: Vec<(usize, f32)> = all.iter().copied().enumerate().collect();
                likely.sort_by(|a, b| b.1.total_cmp(&a.1));
                for (number, value) in likely.into_iter().take(LISTED) {
                    let name = seat.moves().get(number).cloned().unwrap_or_else(|| number.to_string());
                    let _ = write!(text, "  {name} {}", seat.probability(number, value).trim_end());
                }
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// Blocks of lines beside each other where they fit into `width`, else below each other.
fn side_by_side(blocks: &[String], width: usize) -> String {
    let width_of = |block: &String| block.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = blocks.iter().map(width_of).collect();
    if widths.iter().sum::<usize>() + 4 * blocks.len().saturating_sub(1) > width {
        return blocks.iter().map(|block| format!("{block}\n")).collect();
    }
    let height = blocks.iter().map(|block| block.lines().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in 0..height {
        let mut line = String::new();
        for (block, width) in blocks.iter().zip(&widths) {
            let cell = block.lines().nth(row).unwrap_or_default();
            let _ = write!(line, "{cell:<width$}    ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_stand_side_by_side_where_they_fit() {
        let blocks = ["ab\nc".to_owned(), "d".to_owned()];
        assert_eq!(side_by_side(&blocks, 7), "ab    d\nc\n");
        assert_eq!(side_by_side(&blocks, 6), "ab\nc\nd\n");
    }
}
