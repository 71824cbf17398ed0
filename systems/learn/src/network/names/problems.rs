//! What is wrong with a source, told at once.

use starling_components::fault::Fault;
use starling_components::parameters::LayoutEntry;
use starling_components::specs::{KnownNames, NamesSpec};
use starling_components::suggest;

/// All that does not fit.
#[derive(Default)]
pub(super) struct Problems {
    /// Keys of the table that are no tensors of the network.
    pub(super) strangers: Vec<String>,
    /// Names of the source that nothing asks for, and their shapes.
    pub(super) extra: Vec<(String, Vec<usize>)>,
    /// Tensors whose numbers cannot be used.
    pub(super) unusable: Vec<String>,
    /// Their names in the source, and what to say.
    missing: Vec<(String, String)>,
    misshapen: Vec<String>,
}

/// What the tensor is here, where its name in the source does not say it.
fn ours(entry: &LayoutEntry, name: &str) -> String {
    if entry.name == name {
        return String::new();
    }
    format!(" for `{}`", entry.name)
}

impl Problems {
    pub(super) fn missing(&mut self, entry: &LayoutEntry, needed: &[usize], name: &str) {
        let text = format!("`{name}` {needed:?}{}", ours(entry, name));
        self.missing.push((name.to_owned(), text));
    }

    pub(super) fn misshapen(&mut self, entry: &LayoutEntry, needed: &[usize], name: &str, found: &[usize]) {
        let ours = ours(entry, name);
        self.misshapen
            .push(format!("`{name}` is {found:?}, the network needs {needed:?}{ours}"));
    }

    /// One fault for everything; none if all is well.
    pub(super) fn fault(&self, names: &NamesSpec, origin: &str) -> Option<Fault> {
        let lists = [
            ("missing", self.missing.iter().map(|(_, text)| text.clone()).collect()),
            ("of another shape", self.misshapen.clone()),
            ("not usable", self.unusable.clone()),
            (
                "not in the network",
                self.extra
                    .iter()
                    .map(|(name, shape)| format!("`{name}` {shape:?}"))
                    .collect(),
            ),
            (
                "named in the table but not in the network",
                self.strangers.iter().map(|name| format!("`{name}`")).collect(),
            ),
        ];
        let lists: Vec<String> = lists
            .iter()
            .filter(|(_, list): &&(&str, Vec<String>)| !list.is_empty())
            .map(|(title, list)| format!("{title}: {}", list.join(", ")))
            .collect();
        if lists.is_empty() {
            return None;
        }
        let message = format!(
            "the parameters in `{origin}` do not fit the network; {}",
            lists.join("; ")
        );
        Some(Fault::pipeline(message).advise(self.advice(names)))
    }

    /// The most telling of what is wrong decides.
    fn advice(&self, names: &NamesSpec) -> String {
        let extra = |part: &str| self.extra.iter().any(|(name, _)| name.contains(part));
        let jaxmarl = *names == NamesSpec::Known(KnownNames::Jaxmarl);
        if ["GRUCell_", "LSTMCell", "ScannedRNN_"].into_iter().any(extra) {
            return "the source is a recurrent network; names = \"jaxmarl\" reads a GRUCell in a ScannedRNN, which is { gru = units } in `layers`, \
                    behind the layer_norm in its baselines"
                .into();
        }
        if !jaxmarl && extra("params,") {
            return "the names are those of JaxMARL's `save_params`: say names = \"jaxmarl\"".into();
        }
        if extra("/parameters/") {
            return "this is the checkpoint of a run, with all its agents and replicas: say which with from = { runs = ..., agent = ... }".into();
        }
        let one_dense = self.extra.len() == 2 && self.extra.iter().all(|(name, _)| name.starts_with("params,Dense_"));
        if jaxmarl && self.missing.is_empty() && one_dense {
            return "the saved network has one dense layer more; if it is the hidden layer of the policy that the feed-forward CNN baseline \
                    computes and does not use, { ignored_dense = 64 } in `heads.actor` stands for it"
                .into();
        }
        let found = self.extra.iter().map(|(name, _)| name.as_str());
        let near =
            |(name, _): &(String, String)| suggest::nearest(name, found.clone()).map(|near| (name.clone(), near));
        if let Some((name, near)) = self.missing.iter().find_map(near).filter(|_| !jaxmarl) {
            return format!("`{name}` may be what the source calls `{near}`: a table in `names` says which is which");
        }
        "`policy` has to describe the very network that was saved: layers, units, activation and heads".into()
    }
}
