//! A kitchen: the part of the state that never changes, read from text.
//!
//! One character per cell: `W` counter, space floor, `A` cook, `X` goal, `P` pot, `B` plates, `R` recipe indicator, `L` button,
//! `0` to `9` piles of ingredients, `O` as `0`. Every other character is floor.

use super::objects::{
    BUTTON, DIRECTIONS, FIRST_PILE, FLOOR, GOAL, INDICATOR, MAX_INGREDIENTS, PLATE_PILE, POT, POT_UNITS, WALL, unit,
};
use starling_components::Fault;

/// Longest side of a kitchen.
pub const MAX_SIDE: usize = 128;
/// Most cooks in one kitchen.
pub const MAX_COOKS: usize = 64;

/// A checked kitchen: closed by non-floor cells, with all that cooking needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kitchen {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Static object codes, row-major.
    pub cells: Vec<u8>,
    /// Start cell (`y * width + x`) of every cook, in the order of the seats.
    pub starts: Vec<u32>,
    /// Number of ingredients: one more than the largest that has a pile.
    pub ingredients: usize,
    /// Possible recipes as items of three raw units.
    pub recipes: Vec<u32>,
}

impl Kitchen {
    /// Reads a kitchen.
    ///
    /// # Errors
    /// Whatever is wrong with it, with a key path: none for the text, `recipes` for the recipes.
    pub fn parse(text: &str, recipes: Option<&[Vec<u32>]>, swap_agents: bool) -> Result<Self, Fault> {
        let mut rows: Vec<&str> = text
            .split('\n')
            .map(|row| row.strip_suffix('\r').unwrap_or(row))
            .collect();
        if rows.first().is_some_and(|row| row.is_empty()) {
            rows.remove(0);
        }
        if rows.last().is_some_and(|row| row.is_empty()) {
            rows.pop();
        }
        let height = rows.len();
        let width = rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
        if height == 0 || width == 0 {
            return Err(Fault::pipeline("the kitchen is empty"));
        }
        if height > MAX_SIDE || width > MAX_SIDE {
            return Err(Fault::pipeline(format!(
                "the kitchen is {width} wide and {height} high; neither may exceed {MAX_SIDE}"
            )));
        }
        let mut cells = vec![FLOOR; width * height];
        let mut starts = Vec::new();
        for (y, row) in rows.iter().enumerate() {
            for (x, symbol) in row.chars().enumerate() {
                let cell = y * width + x;
                cells[cell] = code_of(symbol);
                if symbol == 'A' {
                    starts.push(cell as u32);
                }
            }
        }
        if swap_agents {
            starts.reverse();
        }
        let largest_pile = cells.iter().filter_map(|code| code.checked_sub(FIRST_PILE)).max();
        let ingredients = largest_pile.map_or(0, |k| usize::from(k) + 1);
        let mut kitchen = Self {
            width,
            height,
            cells,
            starts,
            ingredients,
            recipes: Vec::new(),
        };
        kitchen.check()?;
        kitchen.recipes = match recipes {
            Some(given) => given_recipes(given, ingredients)?,
            None if kitchen.has(INDICATOR) => all_recipes(ingredients as u32),
            None => {
                return Err(
                    Fault::pipeline("the kitchen has no recipe indicator `R`, so its recipes must be given")
                        .advise("add `recipes = [[0, 0, 0]]` to the layout table, or an `R` to the kitchen"),
                );
            }
        };
        Ok(kitchen)
    }

    fn check(&self) -> Result<(), Fault> {
        for (cell, &code) in self.cells.iter().enumerate() {
            let (x, y) = (cell % self.width, cell / self.width);
            let border = x == 0 || y == 0 || x + 1 == self.width || y + 1 == self.height;
            if border && code == FLOOR {
                return Err(
                    Fault::pipeline(format!("the kitchen is open at column {x}, row {y} (counted from 0)")).advise(
                        "close its border with `W` or other objects; unknown characters and short rows are floor",
                    ),
                );
            }
        }
        if self.starts.is_empty() {
            return Err(Fault::pipeline("the kitchen has no cook").advise("mark where cooks start with `A`"));
        }
        if self.starts.len() > MAX_COOKS {
            let cooks = self.starts.len();
            return Err(Fault::pipeline(format!(
                "the kitchen has {cooks} cooks; at most {MAX_COOKS} fit"
            )));
        }
        for (code, what, symbol) in [(GOAL, "goal", 'X'), (POT, "pot", 'P'), (PLATE_PILE, "plate pile", 'B')] {
            if !self.has(code) {
                let fault = Fault::pipeline(format!("the kitchen has no {what}"));
                return Err(fault.advise(format!("add a `{symbol}`")));
            }
        }
        if self.ingredients == 0 {
            return Err(Fault::pipeline("the kitchen has no pile of ingredients").advise("add a digit such as `0`"));
        }
        Ok(())
    }

    /// Whether some cell has this static code.
    pub fn has(&self, code: u8) -> bool {
        self.cells.contains(&code)
    }
    /// The cells for which `keep` holds of the static code, row-major.
    pub fn cells_where(&self, keep: impl Fn(u8) -> bool) -> Vec<u32> {
        let codes = self.cells.iter().enumerate();
        codes
            .filter(|(_, code)| keep(**code))
            .map(|(cell, _)| cell as u32)
            .collect()
    }
    /// The next cell in `direction`, if it is inside the grid.
    pub fn neighbour(&self, cell: usize, direction: usize) -> Option<usize> {
        let (dx, dy) = DIRECTIONS[direction];
        let x = (cell % self.width).checked_add_signed(dx as isize)?;
        let y = (cell / self.width).checked_add_signed(dy as isize)?;
        (x < self.width && y < self.height).then_some(y * self.width + x)
    }
    /// The floor cells connected with `start`, in row-major order.
    pub fn enclosed_space(&self, start: u32) -> Vec<u32> {
        let mut inside = vec![false; self.cells.len()];
        let mut open = vec![start as usize];
        inside[start as usize] = true;
        while let Some(cell) = open.pop() {
            for next in (0..4).filter_map(|direction| self.neighbour(cell, direction)) {
                if self.cells[next] == FLOOR && !inside[next] {
                    inside[next] = true;
                    open.push(next);
                }
            }
        }
        let cells = inside.iter().enumerate().filter(|(_, inside)| **inside);
        cells.map(|(cell, _)| cell as u32).collect()
    }
}

fn code_of(symbol: char) -> u8 {
    match symbol {
        'W' => WALL,
        'X' => GOAL,
        'P' => POT,
        'B' => PLATE_PILE,
        'R' => INDICATOR,
        'L' => BUTTON,
        'O' => FIRST_PILE,
        '0'..='9' => FIRST_PILE + (symbol as u8 - b'0'),
        _ => FLOOR,
    }
}

fn given_recipes(given: &[Vec<u32>], ingredients: usize) -> Result<Vec<u32>, Fault> {
    debug_assert!(ingredients <= MAX_INGREDIENTS);
    if given.is_empty() {
        return Err(Fault::pipeline("the list of recipes is empty").within(["recipes"]));
    }
    let encode = |(i, recipe): (usize, &Vec<u32>)| {
        let at = |fault: Fault| fault.within(["recipes".to_owned(), i.to_string()]);
        if recipe.len() != POT_UNITS as usize {
            let len = recipe.len();
            return Err(at(Fault::pipeline(format!(
                "a recipe has three ingredients, this one has {len}"
            ))));
        }
        if let Some(k) = recipe.iter().find(|k| **k as usize >= ingredients) {
            return Err(at(Fault::pipeline(format!(
                "ingredient {k} has no pile in the kitchen, whose ingredients are 0 to {}",
                ingredients - 1
            ))));
        }
        Ok(recipe.iter().map(|k| unit(*k)).sum())
    };
    given.iter().enumerate().map(encode).collect()
}

/// Every multiset of three ingredients, in lexicographic order.
fn all_recipes(ingredients: u32) -> Vec<u32> {
    let mut recipes = Vec::new();
    for a in 0..ingredients {
        for b in a..ingredients {
            recipes.extend((b..ingredients).map(|c| unit(a) + unit(b) + unit(c)));
        }
    }
    recipes
}
