//! What a pickle builds: small values, and nodes in one arena that refer to each other by number.

use engine::tch::Kind;

use super::{MAX_NODES, MAX_SIDES};

/// A value on the machine's stack; anything with contents lives in the [`Arena`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::weights) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// A float, which no table of tensors needs to know.
    Float,
    Node(usize),
}

/// A value with contents.
#[derive(Debug)]
pub(in crate::weights) enum Node {
    Text(String),
    /// Bytes, or an integer too long for 64 bits: its little-endian bytes.
    Bytes(Vec<u8>),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// A class or function by name; never looked up.
    Global(String),
    Storage(StorageView),
    Tensor(TensorView),
    /// What a call would have made; `call` names the function, `inert` tells whether it belongs to plain data.
    Opaque {
        call: String,
        inert: bool,
    },
}

/// A piece of raw memory in the checkpoint, as a tensor refers to it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::weights) struct StorageView {
    /// Its name in the container.
    pub(in crate::weights) key: String,
    pub(in crate::weights) kind: Kind,
    /// Elements of the whole storage.
    pub(in crate::weights) elements: i64,
    /// Elements to skip; not zero only in files from before PyTorch 0.4.
    pub(in crate::weights) offset: i64,
}

/// A tensor: a strided view of a storage.
#[derive(Debug, Clone)]
pub(in crate::weights) struct TensorView {
    pub(in crate::weights) storage: StorageView,
    /// Elements before the first one.
    pub(in crate::weights) offset: i64,
    pub(in crate::weights) shape: Vec<i64>,
    pub(in crate::weights) stride: Vec<i64>,
}

/// Owner of all nodes of one pickle.
#[derive(Debug, Default)]
pub(in crate::weights) struct Arena {
    nodes: Vec<Node>,
    /// Nodes, and entries that were copied from one node into another.
    spent: usize,
}

impl Arena {
    /// Stores `node`; the error is a reason for a person.
    pub(super) fn add(&mut self, node: Node) -> Result<Value, String> {
        self.spend(1)?;
        self.nodes.push(node);
        Ok(Value::Node(self.nodes.len() - 1))
    }

    /// Counts values that are about to be made or copied, and refuses too many.
    pub(super) fn spend(&mut self, count: usize) -> Result<(), String> {
        self.spent = self.spent.saturating_add(count);
        if self.spent > MAX_NODES {
            return Err(format!("its pickle builds more than {MAX_NODES} values"));
        }
        Ok(())
    }

    pub(in crate::weights) fn node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(index) => self.nodes.get(index),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float => None,
        }
    }

    /// Every node, in the order of their making.
    pub(in crate::weights) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    pub(super) fn node_mut(&mut self, value: Value) -> Option<&mut Node> {
        match value {
            Value::Node(index) => self.nodes.get_mut(index),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float => None,
        }
    }

    pub(in crate::weights) fn text(&self, value: Value) -> Option<&str> {
        match self.node(value) {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The members of a tuple or list.
    pub(in crate::weights) fn members(&self, value: Value) -> Option<&[Value]> {
        match self.node(value) {
            Some(Node::Tuple(members) | Node::List(members)) => Some(members),
            _ => None,
        }
    }

    /// The sides or strides of a tensor.
    pub(super) fn sides(&self, value: Value) -> Option<Vec<i64>> {
        let members = self.members(value).filter(|members| members.len() <= MAX_SIDES)?;
        members.iter().map(|member| if let Value::Int(number) = member { Some(*number) } else { None }).collect()
    }
}
