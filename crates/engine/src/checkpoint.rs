//! Gradient checkpointing (Chen et al., "Training deep nets with sublinear memory cost", 2016): the backward pass computes
//! a piece of a network again instead of keeping what it computed in between.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use libc::{c_char, c_void, size_t};
use tch::Tensor;
use torch_sys::C_tensor;

use crate::{ffi, no_grad};

/// How a piece computes: from all inputs, in their order, to its one output. It must do the same each time.
pub type Run<T> = fn(&T, &[Tensor]) -> Tensor;

/// A piece of a network that can be computed again in the backward pass.
///
/// The piece is shared with the graphs of its outputs, which may end on another thread and later than this value. Nobody
/// sees it but while it computes, one computation at a time: that is what the lock is for.
pub struct Segment<T> {
    piece: Arc<Mutex<T>>,
}

impl<T: fmt::Debug> fmt::Debug for Segment<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Segment").field("piece", &self.piece).finish()
    }
}

impl<T: Send + 'static> Segment<T> {
    /// Makes `piece` computable again.
    pub fn new(piece: T) -> Self {
        Self { piece: Arc::new(Mutex::new(piece)) }
    }

    /// What `run` makes of the piece and `inputs`.
    ///
    /// With `recompute`, and where gradients are recorded, the graph keeps only `inputs`; the backward pass runs `run` again,
    /// so a weight that changed in between goes unnoticed, while a changed input is an error there. The output then always
    /// asks for gradients. Gradients are, to the bit, those without `recompute`. They reach inputs and every leaf inside the
    /// piece, but only in a whole backward pass: not by `Tensor::run_backward`, and no second derivatives.
    ///
    /// # Panics
    /// When `run` does, or memory is short. A panic of `run` in the backward pass becomes the error of `backward`.
    pub fn forward(&self, inputs: &[&Tensor], recompute: bool, run: Run<T>) -> Tensor {
        if !records_gradients() {
            return compute(&self.piece, &own(inputs), run);
        }
        if recompute {
            let output = no_grad(|| compute(&self.piece, &own(inputs), run));
            return checkpoint(&output, inputs, Recipe { piece: Arc::clone(&self.piece), run });
        }
        // An alias of each input gathers what flows back to it inside the piece, before it is added to what comes from
        // elsewhere: the order of sums, and so their last bit, is that of the other branch.
        let aliases: Vec<Tensor> = inputs.iter().map(|input| input.alias()).collect();
        compute(&self.piece, &aliases, run)
    }
}

/// All that a graph needs to compute a piece again.
struct Recipe<T> {
    piece: Arc<Mutex<T>>,
    run: Run<T>,
}

fn own(inputs: &[&Tensor]) -> Vec<Tensor> {
    inputs.iter().map(|input| input.shallow_clone()).collect()
}

fn compute<T>(piece: &Mutex<T>, inputs: &[Tensor], run: Run<T>) -> Tensor {
    // A piece is only read, so the panic of another computation has left nothing half done.
    let piece = piece.lock().unwrap_or_else(PoisonError::into_inner);
    run(&piece, inputs)
}

fn records_gradients() -> bool {
    // SAFETY: takes nothing, and reads a flag of this thread.
    unsafe { ffi::engine_records_gradients() }
}

/// `computed` as the output of a node that owns `recipe`.
fn checkpoint<T: Send + 'static>(computed: &Tensor, inputs: &[&Tensor], recipe: Recipe<T>) -> Tensor {
    let pointers = ffi::pointers(inputs.iter().copied());
    let recipe = Box::into_raw(Box::new(recipe)).cast::<c_void>();
    let mut output = ptr::null_mut();
    // SAFETY:
    // - Tensors: `computed` and `inputs` outlive the call; libtorch makes references of its own to what it keeps.
    // - Lifetime: the node takes the box and gives it to `drop_recipe::<T>` once, when the last graph that holds the node
    //   goes. Until then every pointer that `recompute::<T>` is given is this box's. `T: 'static`, so a graph may live as
    //   long as it likes.
    // - Threads: the graph may compute and end on any thread; with CUDA, libtorch's own thread of the device does so while
    //   the caller waits in `backward`. `Recipe<T>` may go there: with `T: Send`, `Arc<Mutex<T>>` is both `Send` and `Sync`,
    //   and a function pointer is, too. Whoever else has the piece at that time waits for the lock.
    let checked = unsafe {
        let message = ffi::engine_checkpoint(
            computed.as_ptr(),
            pointers.as_ptr(),
            pointers.len(),
            recipe,
            recompute::<T>,
            drop_recipe::<T>,
            &raw mut output,
        );
        ffi::check("gradient checkpointing", message)
    };
    checked.unwrap_or_else(|error| panic!("{error}"));
    // SAFETY: there was no error, so `output` is a tensor that was made for this caller alone.
    unsafe { Tensor::from_ptr(output) }
}

/// Computes the piece of a `Recipe<T>` once more, for C++: the tensor, or null and a message.
///
/// # Safety
/// `recipe` points to a `Recipe<T>`, `inputs` to `count` tensors, `message` to `capacity` bytes, all valid during the call.
unsafe extern "C" fn recompute<T>(
    recipe: *const c_void,
    inputs: *const *mut C_tensor,
    count: size_t,
    message: *mut c_char,
    capacity: size_t,
) -> *mut C_tensor {
    // No panic may unwind into C++. What it leaves behind is dropped here, or is the piece, which is only read.
    let computed = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: a `Recipe<T>` by this function's contract. It is shared, and only read.
        let Recipe { piece, run } = unsafe { &*recipe.cast::<Recipe<T>>() };
        // SAFETY: `count` pointers to tensors by the contract; each clone is a reference of its own.
        let inputs: Vec<Tensor> =
            unsafe { (0..count).map(|index| Tensor::clone_from_ptr(*inputs.add(index))).collect() };
        compute(piece, &inputs, *run)
    }));
    match computed {
        Ok(tensor) => into_pointer(tensor),
        Err(panic) => {
            // SAFETY: `capacity` bytes to write, by the contract.
            unsafe { write_message(text_of(panic.as_ref()), message, capacity) };
            ptr::null_mut()
        }
    }
}

/// Frees a `Recipe<T>`, for C++.
///
/// # Safety
/// `recipe` comes from `Box::into_raw` of a `Recipe<T>` and is not used again.
unsafe extern "C" fn drop_recipe<T>(recipe: *mut c_void) {
    // SAFETY: by this function's contract. A panic while dropping ends the process at this border instead of crossing it.
    drop(unsafe { Box::from_raw(recipe.cast::<Recipe<T>>()) });
}

/// The pointer that `tensor` owns, for somebody else to free.
fn into_pointer(tensor: Tensor) -> *mut C_tensor {
    std::mem::ManuallyDrop::new(tensor).as_mut_ptr()
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("computing a piece of a network again panicked")
}

/// Writes `text`, cut to what fits, and a NUL.
///
/// # Safety
/// `message` points to `capacity` bytes that may be written.
unsafe fn write_message(text: &str, message: *mut c_char, capacity: size_t) {
    let length = text.len().min(capacity.saturating_sub(1));
    // SAFETY: `length` is within `text` and, with the NUL, within `capacity`; the two do not overlap.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr().cast::<c_char>(), message, length);
        if capacity > 0 {
            *message.add(length) = 0;
        }
    }
}
