//! From settings to rules: everything that can be wrong with them is found here.

use super::kitchens::find;
use super::{KITCHENS, Kitchen, Options, OvercookedV2, PlatesPay, featurize};
use crate::lanes::Vectorised;
use starling_components::Fault;
use starling_components::environments::overcooked_v2::{
    KitchenChoice, KitchenTable, ObservationChoice, ObservationKind, OvercookedV2Settings,
};
use starling_components::registry::{Registry, RulesContext, RulesSlot};
use starling_components::suggest;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Longest kitchen file: the largest kitchen with room for line breaks of any kind.
const MAX_FILE_BYTES: u64 = 256 * 1024;
/// Largest view.
const MAX_VIEW: u32 = 64;

/// Registers `rules.overcooked_v2`.
pub fn register(registry: &mut Registry) {
    registry.kind::<RulesSlot, OvercookedV2Settings>(|settings, context: RulesContext<'_>| {
        Ok(Arc::new(Vectorised::new(OvercookedV2::new(settings, context)?)))
    });
}

impl OvercookedV2 {
    /// The rules for `seats` seats. `folder` is where relative kitchen files are looked for.
    ///
    /// # Errors
    /// Settings that do not fit together or a kitchen that cannot be played, with the key path from the settings on.
    pub fn new(settings: &OvercookedV2Settings, context: RulesContext<'_>) -> Result<Self, Fault> {
        let kitchen = kitchen_of(&settings.layout, context.folder).map_err(|fault| fault.within(["layout"]))?;
        let cooks = kitchen.starts.len();
        if cooks != context.seats {
            let seats = context.seats;
            let fault = Fault::pipeline(format!(
                "the environment has {seats} seats, the kitchen is for {cooks} (`A`)"
            ));
            return Err(fault.advise("a kitchen has one seat per cook").within(["layout"]));
        }
        if settings.max_steps == 0 {
            return Err(Fault::pipeline("an episode needs at least one step").within(["max_steps"]));
        }
        let observation = observation_of(settings, &kitchen)?;
        check_permutations(&settings.op_ingredient_permutations, kitchen.ingredients)?;
        let options = Options {
            max_steps: settings.max_steps,
            view: settings.view as usize,
            observation,
            random_reset: settings.random_reset,
            random_agent_positions: settings.random_agent_positions,
            start_cooking_interaction: settings.start_cooking_interaction,
            negative_rewards: settings.negative_rewards,
            sample_recipe_on_delivery: settings.sample_recipe_on_delivery,
            indicate_successful_delivery: settings.indicate_successful_delivery,
            op_ingredient_permutations: settings.op_ingredient_permutations.clone(),
            plates_pay: PlatesPay::CountedBefore,
        };
        Ok(Self::compile(kitchen, options))
    }
}

fn kitchen_of(choice: &KitchenChoice, folder: Option<&Path>) -> Result<Kitchen, Fault> {
    let plain;
    let table = match choice {
        KitchenChoice::Table(table) => table,
        KitchenChoice::Name(text) if text.contains('\n') => {
            plain = KitchenTable {
                text: Some(text.clone()),
                ..KitchenTable::default()
            };
            &plain
        }
        KitchenChoice::Name(name) => {
            let kitchen = named(name)?;
            return parse_registered(kitchen, None, None);
        }
    };
    let recipes = table.recipes.as_deref();
    match (&table.name, &table.file, &table.text) {
        (Some(name), None, None) => {
            let kitchen = named(name).map_err(|fault| fault.within(["name"]))?;
            parse_registered(kitchen, recipes, table.swap_agents)
        }
        (None, Some(file), None) => {
            let text = read(file, folder).map_err(|fault| fault.within(["file"]))?;
            Kitchen::parse(&text, recipes, table.swap_agents.unwrap_or(false))
        }
        (None, None, Some(text)) => Kitchen::parse(text, recipes, table.swap_agents.unwrap_or(false)),
        _ => Err(Fault::pipeline(
            "a layout table has exactly one of `name`, `file` and `text`",
        )),
    }
}

fn named(name: &str) -> Result<&'static super::RegisteredKitchen, Fault> {
    find(name).ok_or_else(|| {
        let known = KITCHENS.iter().map(|kitchen| kitchen.name);
        Fault::pipeline(format!("no kitchen is called `{name}`")).advise(suggest::advice(name, known))
    })
}

fn parse_registered(
    kitchen: &super::RegisteredKitchen,
    recipes: Option<&[Vec<u32>]>,
    swap_agents: Option<bool>,
) -> Result<Kitchen, Fault> {
    let own = kitchen
        .recipes
        .map(|all| all.iter().map(|recipe| recipe.to_vec()).collect::<Vec<_>>());
    let swap_agents = swap_agents.unwrap_or(kitchen.swap_agents);
    Kitchen::parse(kitchen.text, recipes.or(own.as_deref()), swap_agents)
}

fn read(file: &str, folder: Option<&Path>) -> Result<String, Fault> {
    let path = match folder {
        Some(folder) => folder.join(file),
        None if Path::new(file).is_absolute() => file.into(),
        None => {
            return Err(
                Fault::pipeline("an embedded pipeline has no folder to look in for the kitchen file")
                    .advise("copy the pipeline to a file, or give the kitchen as `text`"),
            );
        }
    };
    let unreadable = |why: String| Fault::pipeline(format!("cannot read the kitchen file {}: {why}", path.display()));
    let mut text = String::new();
    let opened = std::fs::File::open(&path).map_err(|error| unreadable(error.to_string()))?;
    let read = opened.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(format!("it is longer than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

fn observation_of(settings: &OvercookedV2Settings, kitchen: &Kitchen) -> Result<Vec<ObservationKind>, Fault> {
    let cooks = kitchen.starts.len();
    let kinds = match &settings.observation {
        ObservationChoice::All(kind) => vec![*kind; cooks],
        ObservationChoice::PerSeat(kinds) => kinds.clone(),
    };
    let wrong = |message: String| Err(Fault::pipeline(message).within(["observation"]));
    if kinds.len() != cooks {
        return wrong(format!("{} observations are listed for {cooks} seats", kinds.len()));
    }
    if settings.view > MAX_VIEW {
        return Err(Fault::pipeline(format!("a view of {} is larger than {MAX_VIEW}", settings.view)).within(["view"]));
    }
    let featurized = kinds.contains(&ObservationKind::Featurized);
    let listed = matches!(settings.observation, ObservationChoice::PerSeat(_));
    if settings.view > 0 && (featurized || listed) {
        let what = if listed {
            "a list of observations"
        } else {
            "the featurized observation"
        };
        return Err(Fault::pipeline(format!("a view does not go with {what}"))
            .advise("leave `view` out")
            .within(["view"]));
    }
    if featurized && kitchen.ingredients != 1 {
        let n = kitchen.ingredients;
        return wrong(format!(
            "the featurized observation knows one ingredient, the kitchen has {n}"
        ));
    }
    if featurized && cooks < 2 {
        return wrong("the featurized observation needs at least two cooks".into());
    }
    if featurized && kitchen.cells.len() > featurize::MAX_CELLS {
        let (cells, most) = (kitchen.cells.len(), featurize::MAX_CELLS);
        return wrong(format!(
            "the featurized observation is for kitchens of at most {most} cells, this one has {cells}"
        ));
    }
    Ok(kinds)
}

fn check_permutations(listed: &[u32], ingredients: usize) -> Result<(), Fault> {
    for (i, k) in listed.iter().enumerate() {
        let at = |fault: Fault| fault.within(["op_ingredient_permutations".to_owned(), i.to_string()]);
        if *k as usize >= ingredients {
            let last = ingredients - 1;
            return Err(at(Fault::pipeline(format!(
                "there is no ingredient {k}; the kitchen's are 0 to {last}"
            ))));
        }
        if listed[..i].contains(k) {
            return Err(at(Fault::pipeline(format!("ingredient {k} is listed twice"))));
        }
    }
    Ok(())
}
