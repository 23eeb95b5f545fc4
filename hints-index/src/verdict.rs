//! What one matcher says about every value of one dimension. It is asked once per distinct value, never per series: a
//! regular expression over a million series of ten regions runs ten times.

use model::{Matcher, Op};

use crate::{ABSENT, Dim, Selection, ValueId};

/// The answer for each value id.
enum Verdict {
    /// The same for all.
    Each(bool),
    /// Only this id passes.
    Only(ValueId),
    /// By value id.
    Table(Vec<bool>),
}

/// Keeps what passes. `dim` is `None` when no series of the metric has the dimension, which reads as absent.
pub(crate) fn apply(matcher: &Matcher, dim: Option<&Dim>, selection: &mut Selection) {
    let Some(dim) = dim else { return keep_all_or_none(matcher.matches(""), selection) };
    match verdict(matcher, dim) {
        Verdict::Each(passes) => keep_all_or_none(passes, selection),
        Verdict::Only(id) => selection.retain(|position| dim.value_id(position) == id),
        Verdict::Table(passes) => selection.retain(|position| passes[dim.value_id(position) as usize]),
    }
}

fn keep_all_or_none(passes: bool, selection: &mut Selection) {
    if !passes {
        *selection = Selection::Some(Vec::new());
    }
}

/// Lists of values are looked up, because a dimension may have a million; all else is asked value by value.
fn verdict(matcher: &Matcher, dim: &Dim) -> Verdict {
    match &matcher.op {
        Op::In(values) => listed(values, dim, true),
        Op::NotIn(values) => listed(values, dim, false),
        _ => {
            let mut passes = vec![matcher.matches("")];
            passes.extend(dim.values().iter().map(|(_, value)| matcher.matches(value)));
            uniform(passes)
        }
    }
}

fn listed(values: &[String], dim: &Dim, passes_if_listed: bool) -> Verdict {
    let ids: Vec<ValueId> = values.iter().filter_map(|value| dim.values().id(value)).collect();
    match ids[..] {
        [] => return Verdict::Each(!passes_if_listed),
        [id] if passes_if_listed => return Verdict::Only(id),
        _ => {}
    }
    let mut passes = vec![!passes_if_listed; dim.values().len() + 1];
    ids.iter().for_each(|&id| passes[id as usize] = passes_if_listed);
    uniform(passes)
}

/// A condition that every value meets leaves the selection as it is, without a scan.
fn uniform(passes: Vec<bool>) -> Verdict {
    let first = passes[ABSENT as usize];
    if passes.iter().all(|&each| each == first) { Verdict::Each(first) } else { Verdict::Table(passes) }
}
