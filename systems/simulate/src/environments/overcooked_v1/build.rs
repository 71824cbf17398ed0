//! From settings to rules: V2's settings with what V1 fixes filled in, and V1's own conditions on kitchens.

use super::observe::Painter;
use super::{ACTIONS, COOKS, OvercookedV1};
use crate::environments::overcooked_v2::objects::{BUTTON, FLOOR, INDICATOR, POT};
use crate::environments::overcooked_v2::{OvercookedV2, PlatesPay};
use crate::lanes::Vectorised;
use starling_components::Fault;
use starling_components::environments::overcooked_v1::{OvercookedV1Settings, PlateShaping, Seen};
use starling_components::environments::overcooked_v2::{
    KitchenChoice, KitchenTable, ObservationChoice, ObservationKind, OvercookedV2Settings,
};
use starling_components::registry::{Registry, RulesContext, RulesSlot};
use starling_components::simulate::Rules;
use starling_components::spaces::{ActionSpace, ElementKind, ObservationSpace};
use starling_components::suggest;
use std::sync::Arc;

/// The classic five, and whether their cooks are numbered from the last to the first. The grids are V2's; the order of cooks is not.
pub const CLASSIC_KITCHENS: [(&str, bool); 5] = [
    ("cramped_room", false),
    ("asymm_advantages", false),
    ("coord_ring", false),
    ("forced_coord", true),
    ("counter_circuit", false),
];

/// Registers `rules.overcooked_v1`.
pub fn register(registry: &mut Registry) {
    registry.kind::<RulesSlot, OvercookedV1Settings>(|settings, context: RulesContext<'_>| {
        Ok(Arc::new(Vectorised::new(OvercookedV1::new(settings, context)?)))
    });
}

impl OvercookedV1 {
    /// The rules for `seats` seats. `folder` is where relative kitchen files are looked for.
    ///
    /// # Errors
    /// A kitchen that V1 cannot be played in, with the key path from the settings on.
    pub fn new(settings: &OvercookedV1Settings, context: RulesContext<'_>) -> Result<Self, Fault> {
        let within = |fault: Fault| fault.within(["layout"]);
        let as_v2 = OvercookedV2Settings {
            layout: KitchenChoice::Table(kitchen_table(&settings.layout).map_err(within)?),
            max_steps: settings.max_steps,
            observation: ObservationChoice::All(match settings.observation {
                Seen::V1 | Seen::V2 => ObservationKind::Default,
                Seen::Featurized => ObservationKind::Featurized,
            }),
            ..OvercookedV2Settings::default()
        };
        let engine = OvercookedV2::new(&as_v2, context)?.with_plates(match settings.plate_shaping {
            PlateShaping::Legacy => PlatesPay::Never,
            PlateShaping::Fixed => PlatesPay::CountedNow,
        });
        check_kitchen(&engine).map_err(within)?;

        let painter = Painter::of(engine.kitchen());
        let mut shape = engine.shape().clone();
        for seat in &mut shape.seats {
            seat.action = ActionSpace::Discrete {
                names: ACTIONS.map(str::to_owned).to_vec(),
            };
            if settings.observation == Seen::V1 {
                seat.observation = ObservationSpace {
                    shape: painter.shape().to_vec(),
                    element: ElementKind::U8,
                };
            }
        }
        Ok(Self {
            shape,
            random_reset: settings.random_reset,
            seen: settings.observation,
            painter,
            floor: engine.kitchen().cells_where(|code| code == FLOOR),
            pots: engine.kitchen().cells_where(|code| code == POT),
            engine,
        })
    }
}

/// The kitchen as a table for V2: with onion soup as its recipe and V1's order of cooks.
fn kitchen_table(choice: &KitchenChoice) -> Result<KitchenTable, Fault> {
    let mut table = match choice {
        KitchenChoice::Table(table) => table.clone(),
        KitchenChoice::Name(text) if text.contains('\n') => KitchenTable {
            text: Some(text.clone()),
            ..KitchenTable::default()
        },
        KitchenChoice::Name(name) => KitchenTable {
            name: Some(name.clone()),
            ..KitchenTable::default()
        },
    };
    if let Some(name) = &table.name {
        let known = CLASSIC_KITCHENS.iter().find(|(known, _)| known == name);
        let Some((_, swap_agents)) = known else {
            let names = CLASSIC_KITCHENS.iter().map(|(name, _)| *name);
            let fault = Fault::pipeline(format!("no kitchen of overcooked_v1 is called `{name}`"));
            return Err(fault.advise(suggest::advice(name, names)));
        };
        table.swap_agents = table.swap_agents.or(Some(*swap_agents));
    }
    let onions = vec![vec![0, 0, 0]];
    if table.recipes.as_ref().is_some_and(|recipes| *recipes != onions) {
        return Err(Fault::pipeline("overcooked_v1 knows one recipe: three onions")
            .advise("leave `recipes` out, or use `rules.overcooked_v2`")
            .within(["recipes"]));
    }
    table.recipes = Some(onions);
    Ok(table)
}

fn check_kitchen(engine: &OvercookedV2) -> Result<(), Fault> {
    let kitchen = engine.kitchen();
    let what = if kitchen.starts.len() != COOKS {
        format!(
            "overcooked_v1 is for two cooks, the kitchen has {}",
            kitchen.starts.len()
        )
    } else if kitchen.ingredients != 1 {
        format!(
            "overcooked_v1 knows onions only, the kitchen has {} ingredients",
            kitchen.ingredients
        )
    } else if kitchen.has(INDICATOR) || kitchen.has(BUTTON) {
        "overcooked_v1 has neither recipe indicators nor buttons".to_owned()
    } else {
        return Ok(());
    };
    Err(Fault::pipeline(what).advise("use `rules.overcooked_v2` for this kitchen"))
}
