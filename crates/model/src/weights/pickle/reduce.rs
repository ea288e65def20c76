//! What a call in a pickle means here: a tensor, a dictionary, or an opaque value that remembers the function's name.

use engine::tch::Kind;

use super::MAX_NAME_BYTES;
use super::globals::{Callable, callable, storage_kind};
use super::value::{Arena, Node, StorageView, TensorView, Value};

/// A class or function by name. Naming dangerous code is enough to refuse the file: no model has a reason to.
pub(super) fn global(arena: &mut Arena, module: &str, name: &str) -> Result<Value, String> {
    if module.len() + name.len() > MAX_NAME_BYTES {
        return Err("its pickle names a class by a name of absurd length".to_owned());
    }
    let global = format!("{module}.{name}");
    if callable(&global) == Callable::Dangerous {
        return Err(format!(
            "its pickle contains code: it wants to call {global}, which no model needs; nothing was run, do not use this file"
        ));
    }
    arena.add(Node::Global(global))
}

/// The value that stands for `callee(*arguments)`.
pub(super) fn call(arena: &mut Arena, callee: Value, arguments: Value) -> Result<Value, String> {
    let name = match arena.node(callee) {
        Some(Node::Global(name)) => name.clone(),
        // A call of something that a call made: one name is enough to refuse it by.
        Some(Node::Opaque { call, .. }) => call.clone(),
        _ => return Err("its pickle calls something that is not a function".to_owned()),
    };
    match callable(&name) {
        Callable::RebuildTensor => {
            let tensor = rebuild_tensor(arena, &name, arguments)?;
            arena.add(Node::Tensor(tensor))
        }
        Callable::RebuildParameter => arena
            .members(arguments)
            .and_then(|members| members.first().copied())
            .ok_or_else(|| format!("its pickle calls {name} without a tensor")),
        Callable::OrderedDict => {
            let items = ordered_dict_items(arena, arguments)?;
            arena.add(Node::Dict(items))
        }
        Callable::PlainData => arena.add(Node::Opaque { call: name, inert: true }),
        Callable::Dangerous | Callable::Unknown => arena.add(Node::Opaque { call: name, inert: false }),
    }
}

/// BUILD gives an object its attributes. Attributes of dictionaries (`_metadata`) and of opaque values are not needed.
pub(super) fn build(arena: &Arena, target: Value, _state: Value) -> Result<(), String> {
    match arena.node(target) {
        Some(Node::Dict(_) | Node::Opaque { .. } | Node::Tensor(_) | Node::Global(_)) => Ok(()),
        _ => Err("its pickle gives attributes to something that can have none".to_owned()),
    }
}

/// `OrderedDict()` or `OrderedDict([(key, value), …])`.
fn ordered_dict_items(arena: &mut Arena, arguments: Value) -> Result<Vec<(Value, Value)>, String> {
    let Some(list) = arena.members(arguments).and_then(|members| members.first().copied()) else {
        return Ok(Vec::new());
    };
    arena.spend(arena.members(list).map_or(0, <[Value]>::len))?;
    let pair = |value: &Value| match arena.members(*value)? {
        [key, value] => Some((*key, *value)),
        _ => None,
    };
    Ok(arena.members(list).unwrap_or_default().iter().filter_map(pair).collect())
}

/// `('storage', storage class, key, device, elements[, (view key, offset, elements)])`, as `torch.save` writes it.
pub(super) fn persistent(arena: &mut Arena, id: Value) -> Result<Value, String> {
    let storage = storage(arena, id).ok_or_else(|| "its pickle names a storage in an unknown form".to_owned())??;
    arena.add(Node::Storage(storage))
}

fn storage(arena: &Arena, id: Value) -> Option<Result<StorageView, String>> {
    let [tag, class, key, _device, elements, view @ ..] = arena.members(id)? else {
        return None;
    };
    let (Some("storage"), Some(Node::Global(class)), Value::Int(elements)) =
        (arena.text(*tag), arena.node(*class), *elements)
    else {
        return None;
    };
    let key = match *key {
        Value::Int(number) => number.to_string(),
        key => arena.text(key).filter(|key| key.len() <= MAX_NAME_BYTES)?.to_owned(),
    };
    let offset = match view.first().and_then(|view| arena.members(*view)) {
        Some([_, Value::Int(offset), _]) => *offset,
        _ => 0,
    };
    // Only `_rebuild_tensor_v3` uses storages of plain bytes, and it is refused for a reason of its own.
    let kind = match storage_kind(class) {
        Some(kind) => kind,
        None if class == "torch.storage.UntypedStorage" => Kind::Uint8,
        None => {
            return Some(Err(format!("its weights are stored as {class}; save them as float16, bfloat16 or float32")));
        }
    };
    if elements < 0 || offset < 0 {
        return None;
    }
    Some(Ok(StorageView { key, kind, elements, offset }))
}

fn rebuild_tensor(arena: &Arena, name: &str, arguments: Value) -> Result<TensorView, String> {
    let damaged = || format!("its pickle calls {name} with damaged arguments");
    let [storage, offset, shape, stride, ..] = arena.members(arguments).ok_or_else(damaged)? else {
        return Err(damaged());
    };
    let (Some(Node::Storage(storage)), Value::Int(offset)) = (arena.node(*storage), *offset) else {
        return Err(damaged());
    };
    if name.ends_with("_v3") {
        return Err(format!("its pickle uses {name}, whose element types no network here can hold"));
    }
    let shape = arena.sides(*shape).ok_or_else(damaged)?;
    let stride = arena.sides(*stride).ok_or_else(damaged)?;
    let offset = offset.checked_add(storage.offset).ok_or_else(damaged)?;
    let view = TensorView { storage: storage.clone(), offset, shape, stride };
    if !fits(&view) {
        return Err(format!("its pickle describes a tensor of shape {:?} outside its storage", view.shape));
    }
    Ok(view)
}

/// Whether every element lies inside the storage; all arithmetic checked.
fn fits(view: &TensorView) -> bool {
    if view.shape.len() != view.stride.len() || view.offset < 0 {
        return false;
    }
    let sides = view.shape.iter().zip(&view.stride);
    let last = sides.clone().try_fold(view.offset, |last, (&side, &stride)| {
        if side < 0 || stride < 0 {
            return None;
        }
        last.checked_add((side - 1).max(0).checked_mul(stride)?)
    });
    let empty = view.shape.contains(&0);
    last.is_some_and(|last| empty || last < view.storage.elements)
}
