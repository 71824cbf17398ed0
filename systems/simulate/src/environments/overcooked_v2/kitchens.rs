//! The registered kitchens: one line each; the grids are in `data/kitchens`.

/// A kitchen known by name.
#[derive(Debug, Clone, Copy)]
pub struct RegisteredKitchen {
    /// Its name.
    pub name: &'static str,
    /// Its grid.
    pub text: &'static str,
    /// Cooks are numbered from the last `A` to the first.
    pub swap_agents: bool,
    /// Possible recipes; `None`: all.
    pub recipes: Option<&'static [[u32; 3]]>,
}

macro_rules! kitchens {
    ($($name:literal $swap_agents:literal $recipes:expr;)*) => {
        &[$(RegisteredKitchen {
            name: $name,
            text: include_str!(concat!("../../../../../data/kitchens/", $name, ".txt")),
            swap_agents: $swap_agents,
            recipes: $recipes,
        }),*]
    };
}

const ONION_SOUP: Option<&[[u32; 3]]> = Some(&[[0, 0, 0]]);
const TWO_SOUPS: Option<&[[u32; 3]]> = Some(&[[0, 0, 0], [1, 1, 1]]);

/// All of them: name, swapped cooks, recipes.
#[rustfmt::skip]
pub const KITCHENS: &[RegisteredKitchen] = kitchens! {
    "cramped_room"                    true  ONION_SOUP;
    "asymm_advantages"                false ONION_SOUP;
    "coord_ring"                      false ONION_SOUP;
    "forced_coord"                    false ONION_SOUP;
    "counter_circuit"                 true  ONION_SOUP;
    "cramped_room_v2"                 false None;
    "asymm_advantages_recipes_center" false None;
    "asymm_advantages_recipes_right"  false None;
    "asymm_advantages_recipes_left"   false None;
    "two_rooms"                       false None;
    "two_rooms_both"                  false None;
    "long_room"                       false ONION_SOUP;
    "fun_coordination"                false Some(&[[0, 0, 2], [1, 1, 3]]);
    "more_fun_coordination"           false Some(&[[0, 1, 1], [0, 2, 2]]);
    "fun_symmetries"                  false TWO_SOUPS;
    "fun_symmetries_plates"           false TWO_SOUPS;
    "fun_symmetries1"                 false TWO_SOUPS;
    "grounded_coord_simple"           false TWO_SOUPS;
    "grounded_coord_ring"             false TWO_SOUPS;
    "test_time_simple"                false TWO_SOUPS;
    "test_time_wide"                  false TWO_SOUPS;
    "demo_cook_simple"                false TWO_SOUPS;
    "demo_cook_wide"                  false TWO_SOUPS;
};

/// The kitchen called `name`.
pub fn find(name: &str) -> Option<&'static RegisteredKitchen> {
    KITCHENS.iter().find(|k| k.name == name)
}

/// The registered name nearest to `name` by edit distance, unless nothing is near.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let distance = |k: &&RegisteredKitchen| edit_distance(name, k.name);
    let best = KITCHENS.iter().min_by_key(distance)?;
    (edit_distance(name, best.name) <= 2 + best.name.len() / 3).then_some(best.name)
}

/// Insertions, deletions and replacements that turn `a` into `b` (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_the_kitchen_meant() {
        let check = |name, expected| assert_eq!(nearest(name), expected, "{name}");
        check("cramped_rom", Some("cramped_room"));
        check("grounded_coord_simpel", Some("grounded_coord_simple"));
        check("coordring", Some("coord_ring"));
        check("the moon", None);
        check("", None);
    }
}
