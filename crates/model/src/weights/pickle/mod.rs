//! Reads a pickle as data: no class is looked up, no function is called, whatever the file says.
//!
//! A pickle is a program for a small stack machine, and two of its instructions call functions by name. This machine
//! knows the handful of names that rebuild tensors ([`globals`]) and turns every other call into an [`Node::Opaque`] value
//! that only remembers the name. What a checkpoint keeps beside its weights (trainer callbacks, numpy numbers) is thereby
//! harmless; an opaque value inside the weights themselves is refused, and so is any call of a function that could only be
//! there to do damage.
//!
//! Why not the `pytorch-reader` crate, which is careful and lazy too: its dictionaries have text keys only, so it refuses
//! the original Stable Diffusion checkpoints, whose trainer state is keyed by a class, and it cannot say which call in the
//! weights made a file unusable.
//!
//! Bounds: the pickle's length, the number of values, the length of what is copied from one value into another (so a short
//! file cannot unfold into a long one), and, because values live in one arena and refer to each other by number, no
//! recursion anywhere, so nesting needs no limit of its own.

mod globals;
mod input;
mod literal;
mod machine;
mod reduce;
mod state_dict;
mod value;

pub(super) use input::Input;
pub(super) use machine::load;
pub(super) use state_dict::{state_dict, text_beside};
pub(super) use value::{Arena, Node, StorageView, TensorView, Value};

/// Longest pickle that is read. The table of an SD 1.5 checkpoint with EMA and optimizer state has about 2 MB.
pub(super) const MAX_PICKLE_BYTES: u64 = 64 << 20;

/// Most values one pickle may build; the largest known training checkpoint needs fewer than 200,000.
const MAX_NODES: usize = 4_000_000;

/// Longest name of a class, a storage or a tensor. Names are copied, and a pickle may mention one name many times.
const MAX_NAME_BYTES: usize = 1000;

/// Most sides of a tensor, which is also libtorch's own limit for strided views.
const MAX_SIDES: usize = 64;

/// Most tensors in one table; a training checkpoint with EMA has about 2,500.
const MAX_TENSORS: usize = 100_000;

/// Most entries on the stack and in the memo, for the same reason.
const MAX_STACK: usize = 4_000_000;
