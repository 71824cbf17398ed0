//! `starling schema`: the JSON schema of pipeline files, from the same registry that reads them.

use super::Context;
use crate::engine::Starling;
use crate::exit::Exit;
use crate::file::schemas::Schemas;
use crate::problem::Problems;
use starling_components::registry::Registry;

pub(crate) fn run(starling: &Starling, context: Context) -> Result<Exit, Problems> {
    context.data(&text(starling));
    Ok(Exit::Finished)
}

/// The schema as it stands in `pipelines/schema.json`.
pub(crate) fn text(starling: &Starling) -> String {
    let app = starling.app();
    let schemas = Schemas::of(app.world().resource::<Registry>());
    format!("{:#}\n", schemas.document())
}
