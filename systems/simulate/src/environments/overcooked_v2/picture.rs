//! A state as a picture: one tile per cell under a strip that shows the recipe. Colours of ingredients and cooks are in two tables.

use super::OvercookedV2;
use super::objects::{
    BUTTON, COOKED, DIRECTIONS, FIRST_PILE, FLOOR, GOAL, INDICATOR, PLATE, PLATE_PILE, POT, WALL, count,
};
use super::state::{CORRECT_DELIVERY, State};
use starling_components::picture::{Colour, Picture};

/// Pixels of a cell's side.
const TILE: i32 = 24;
/// Height of the strip above the kitchen.
const STRIP: i32 = 20;

/// By ingredient.
const INGREDIENTS: [Colour; 10] = [
    Colour::Yellow,
    Colour::Red,
    Colour::Lime,
    Colour::Purple,
    Colour::Orange,
    Colour::Cyan,
    Colour::Pink,
    Colour::Navy,
    Colour::Brown,
    Colour::Teal,
];
/// By seat, from the first again after the last.
const COOKS: [Colour; 6] = [
    Colour::Blue,
    Colour::Green,
    Colour::Rose,
    Colour::Orange,
    Colour::Teal,
    Colour::Purple,
];

impl OvercookedV2 {
    pub(super) fn drawing(&self, state: &State<'_>) -> Picture {
        let (columns, rows) = (self.kitchen.width as i32, self.kitchen.height as i32);
        let (width, height) = ((columns * TILE).max(5 * TILE), rows * TILE + STRIP);
        // A side has at most 128 cells of 24 pixels.
        let mut picture = Picture::new(width as u16, height as u16, Colour::Charcoal);
        picture.text([4, 5], 2, "RECIPE", Colour::Silver);
        self.food(&mut picture, [64, STRIP / 2], state.recipe, 5);
        if state.flags & CORRECT_DELIVERY != 0 {
            picture.rectangle([width - 16, 4], [12, 12], Colour::Lime);
        }
        for cell in 0..self.kitchen.cells.len() {
            self.tile(&mut picture, state, cell);
        }
        for (seat, cook) in state.cooks.iter().enumerate() {
            let centre = self.centre(cook.cell as usize);
            let (dx, dy) = DIRECTIONS[(cook.direction & 3) as usize];
            let colour = COOKS[seat % COOKS.len()];
            picture.disc([centre[0] + dx * 7, centre[1] + dy * 7], 4, Colour::Sand);
            picture.disc(centre, 8, colour);
            let digit = char::from_digit((seat % 36) as u32, 36).map_or('?', |c| c.to_ascii_uppercase());
            picture.text([centre[0] - 3, centre[1] - 5], 2, digit.to_string(), Colour::White);
            if cook.item != 0 {
                self.item(&mut picture, [centre[0] + dx * 8, centre[1] + dy * 8 + 2], cook.item, 5);
            }
        }
        picture
    }

    fn corner(&self, cell: usize) -> [i32; 2] {
        let (x, y) = (cell % self.kitchen.width, cell / self.kitchen.width);
        [x as i32 * TILE, y as i32 * TILE + STRIP]
    }

    fn centre(&self, cell: usize) -> [i32; 2] {
        let [x, y] = self.corner(cell);
        [x + TILE / 2, y + TILE / 2]
    }

    fn tile(&self, picture: &mut Picture, state: &State<'_>, cell: usize) {
        let ([x, y], centre) = (self.corner(cell), self.centre(cell));
        let code = self.kitchen.cells[cell];
        let base = match code {
            FLOOR => Colour::Sand,
            GOAL => Colour::Green,
            _ => Colour::Tan,
        };
        picture.rectangle([x, y], [TILE, TILE], Colour::Brown);
        picture.rectangle([x, y], [TILE - 1, TILE - 1], base);
        let (item, timer) = (state.items[cell], state.timers[cell]);
        match code {
            FLOOR => {}
            WALL => self.item(picture, centre, item, 7),
            GOAL => picture.rectangle([x + 4, y + 4], [TILE - 9, TILE - 9], Colour::Silver),
            POT => {
                let ring = if item & COOKED != 0 {
                    Colour::Lime
                } else {
                    Colour::Black
                };
                picture.disc(centre, 10, ring);
                picture.disc(centre, 8, Colour::Charcoal);
                self.food(picture, [centre[0] - 6, centre[1]], item, 3);
                if timer > 0 {
                    picture.text([x + 2, y + 2], 1, timer.to_string(), Colour::White);
                }
            }
            INDICATOR => {
                picture.rectangle([x + 2, y + 6], [TILE - 5, TILE - 13], Colour::White);
                self.food(picture, [centre[0] - 6, centre[1]], state.recipe, 3);
            }
            BUTTON => {
                let colour = if timer > 0 { Colour::Yellow } else { Colour::Red };
                picture.disc(centre, 7, Colour::Charcoal);
                picture.disc(centre, 5, colour);
            }
            PLATE_PILE => {
                picture.disc([centre[0], centre[1] + 3], 8, Colour::Silver);
                picture.disc([centre[0], centre[1] - 1], 8, Colour::White);
            }
            pile => {
                let colour = ingredient(usize::from(pile.saturating_sub(FIRST_PILE)));
                for [dx, dy] in [[-5, 4], [5, 4], [0, -4]] {
                    picture.disc([centre[0] + dx, centre[1] + dy], 5, Colour::Brown);
                    picture.disc([centre[0] + dx, centre[1] + dy], 4, colour);
                }
            }
        }
    }

    /// Something that can be carried.
    fn item(&self, picture: &mut Picture, at: [i32; 2], item: u32, radius: i32) {
        if item == 0 {
            return;
        }
        if item & PLATE != 0 {
            picture.disc(at, radius + 2, Colour::Silver);
            picture.disc(
                at,
                radius,
                if item & COOKED != 0 {
                    Colour::Brown
                } else {
                    Colour::White
                },
            );
        }
        let single = self.units_of(item).len() == 1;
        let (first, size) = if single {
            (at[0], radius - 1)
        } else {
            (at[0] - radius + 1, 2)
        };
        self.food(picture, [first, at[1]], item, size);
    }

    /// The units of food in `item`, side by side from `at` on.
    fn food(&self, picture: &mut Picture, at: [i32; 2], item: u32, radius: i32) {
        for (place, kind) in self.units_of(item).into_iter().enumerate() {
            let x = at[0] + place as i32 * (2 * radius + 1);
            picture.disc([x, at[1]], radius, ingredient(kind));
        }
    }

    fn units_of(&self, item: u32) -> Vec<usize> {
        let kinds = 0..self.kitchen.ingredients;
        kinds
            .flat_map(|kind| std::iter::repeat_n(kind, count(item, kind as u32) as usize))
            .collect()
    }
}

fn ingredient(kind: usize) -> Colour {
    INGREDIENTS[kind % INGREDIENTS.len()]
}
