//! The names a pickle may mention, and what each means to us. Nothing here is ever looked up or called.

use engine::tch::Kind;

/// What a call of a global stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Callable {
    /// `(storage, offset, shape, stride, …)` as a tensor.
    RebuildTensor,
    /// A tensor in a wrapper; the tensor is the first argument.
    RebuildParameter,
    /// An empty or filled dictionary.
    OrderedDict,
    /// A list-like collection, of which nothing is needed.
    PlainData,
    /// Code that no model needs. The file is refused, wherever the call stands.
    Dangerous,
    /// Anything else: an object of some library. It becomes an opaque value.
    Unknown,
}

pub(super) fn callable(global: &str) -> Callable {
    match global {
        "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor_v3" => {
            Callable::RebuildTensor
        }
        "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => Callable::RebuildParameter,
        "collections.OrderedDict" => Callable::OrderedDict,
        "numpy.core.multiarray.scalar"
        | "numpy._core.multiarray.scalar"
        | "numpy.core.multiarray._reconstruct"
        | "numpy._core.multiarray._reconstruct"
        | "numpy.dtype"
        | "numpy.ndarray"
        | "_codecs.encode"
        | "torch.Size"
        | "torch.device" => Callable::PlainData,
        _ => match split(global) {
            ("builtins" | "__builtin__", name) => builtin(name),
            (module, _) if is_dangerous(module) => Callable::Dangerous,
            _ => Callable::Unknown,
        },
    }
}

/// Python's built-in functions: the collections are data, the rest can reach everything.
fn builtin(name: &str) -> Callable {
    match name {
        "set" | "frozenset" | "list" | "tuple" | "dict" | "bytearray" | "bytes" | "complex" | "int" | "long"
        | "float" | "bool" | "str" | "slice" | "range" | "object" => Callable::PlainData,
        _ => Callable::Dangerous,
    }
}

/// Modules whose functions run programs, load code or reach the system.
fn is_dangerous(module: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    matches!(
        top,
        "os" | "posix"
            | "nt"
            | "subprocess"
            | "sys"
            | "shutil"
            | "socket"
            | "pty"
            | "commands"
            | "runpy"
            | "importlib"
            | "imp"
            | "ctypes"
            | "code"
            | "codeop"
            | "pickle"
            | "_pickle"
            | "marshal"
            | "operator"
            | "_operator"
            | "timeit"
            | "cProfile"
            | "profile"
            | "pdb"
            | "bdb"
            | "asyncio"
            | "multiprocessing"
            | "signal"
            | "webbrowser"
            | "urllib"
            | "requests"
            | "httplib"
            | "http"
            | "pip"
    )
}

fn split(global: &str) -> (&str, &str) {
    global.rsplit_once('.').unwrap_or(("", global))
}

/// The element type of `torch.HalfStorage` and its kin; storages of plain bytes get their type from the tensor.
pub(super) fn storage_kind(global: &str) -> Option<Kind> {
    Some(match global {
        "torch.DoubleStorage" => Kind::Double,
        "torch.FloatStorage" => Kind::Float,
        "torch.HalfStorage" => Kind::Half,
        "torch.BFloat16Storage" => Kind::BFloat16,
        "torch.LongStorage" => Kind::Int64,
        "torch.IntStorage" => Kind::Int,
        "torch.ShortStorage" => Kind::Int16,
        "torch.CharStorage" => Kind::Int8,
        "torch.ByteStorage" => Kind::Uint8,
        "torch.BoolStorage" => Kind::Bool,
        _ => return None,
    })
}

/// Whether a class, named but not called, is plain description (a dtype, a storage class, a collection).
pub(super) fn is_description(global: &str) -> bool {
    global.starts_with("torch.") && !global.starts_with("torch._") && global.matches('.').count() == 1
        || !matches!(callable(global), Callable::Dangerous | Callable::Unknown)
}
