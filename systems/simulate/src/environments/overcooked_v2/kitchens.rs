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
