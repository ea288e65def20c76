//! Finds the weights in what a pickle built, and refuses them when something else is mixed in.

use std::collections::HashSet;

use super::globals::is_description;
use super::value::{Arena, Node, TensorView, Value};
use super::{MAX_NAME_BYTES, MAX_TENSORS};

/// `state_dict` inside `state_dict` occurs in the wild, once or twice.
const MAX_UNWRAPS: usize = 8;

/// Where the files of textual inversion keep their vectors.
const EMBEDDING_KEY: &str = "string_to_param";

/// The named tensors of a checkpoint: of its innermost `state_dict`, or of the whole when it has none.
pub(in crate::weights) fn state_dict(arena: &Arena, root: Value) -> Result<Vec<(String, TensorView)>, String> {
    let mut dict = dict_of(arena, root)?;
    for _ in 0..MAX_UNWRAPS {
        match dict.iter().rev().find(|(key, _)| arena.text(*key) == Some("state_dict")) {
            Some((_, inner)) => dict = dict_of(arena, *inner)?,
            None => break,
        }
    }
    let mut tensors = Vec::new();
    let mut seen = HashSet::new();
    for (key, value) in dict {
        let Some(name) = arena.text(*key) else { continue };
        if name.len() > MAX_NAME_BYTES || tensors.len() >= MAX_TENSORS {
            return Err(format!("it has more than {MAX_TENSORS} tensors, or names longer than {MAX_NAME_BYTES} bytes"));
        }
        match arena.node(*value) {
            Some(Node::Tensor(view)) => tensors.push((name.to_owned(), view.clone())),
            Some(_) => refuse_objects(arena, name, *value, &mut seen)?,
            None => {}
        }
    }
    if dict.iter().any(|(key, _)| arena.text(*key) == Some(EMBEDDING_KEY)) {
        return Err("it is an embedding (textual inversion), not a model; give a full checkpoint".to_owned());
    }
    if tensors.is_empty() {
        return Err("it holds no weights; a checkpoint needs tensors at its top or under state_dict".to_owned());
    }
    Ok(tensors)
}

/// The text that stands in the saved dictionary itself under `key`; of equal keys the last counts, as in Python.
pub(in crate::weights) fn text_beside<'a>(arena: &'a Arena, root: Value, key: &str) -> Option<&'a str> {
    let items = dict_of(arena, root).ok()?;
    let (_, value) = items.iter().rev().find(|(name, _)| arena.text(*name) == Some(key))?;
    arena.text(*value)
}

fn dict_of(arena: &Arena, value: Value) -> Result<&[(Value, Value)], String> {
    match arena.node(value) {
        Some(Node::Dict(items)) => Ok(items),
        Some(Node::Opaque { call, .. }) => Err(refusal("its weights", call)),
        Some(Node::Global(global)) => Err(refusal("its weights", global)),
        _ => Err("it holds no dictionary of weights; save the model's state_dict".to_owned()),
    }
}

/// Plain data beside the tensors is ignored; an object of some library is refused by name. `seen` keeps shared and
/// circular data from being walked twice.
fn refuse_objects(arena: &Arena, name: &str, value: Value, seen: &mut HashSet<usize>) -> Result<(), String> {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        let Value::Node(index) = value else { continue };
        if !seen.insert(index) {
            continue;
        }
        match arena.node(value) {
            Some(Node::Opaque { call, inert: false }) => return Err(refusal(name, call)),
            Some(Node::Global(global)) if !is_description(global) => return Err(refusal(name, global)),
            Some(Node::Tuple(members) | Node::List(members)) => waiting.extend(members),
            Some(Node::Dict(items)) => waiting.extend(items.iter().flat_map(|(key, value)| [*key, *value])),
            _ => {}
        }
    }
    Ok(())
}

fn refusal(name: &str, global: &str) -> String {
    format!(
        "{name} is an object of {global} where only tensors are accepted; save the model's state_dict or use safetensors"
    )
}
