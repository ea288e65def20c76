//! Pickle protocol 2, as much of it as a table of tensors needs. Instructions are named as in Python's `pickletools`.

use engine::tch::Kind;

#[derive(Debug)]
pub(super) struct PickleWriter {
    bytes: Vec<u8>,
}

impl PickleWriter {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0x80, 2] } // PROTO 2
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(b'.'); // STOP
        self.bytes
    }

    /// `items` writes keys and values in turn.
    pub(super) fn dict(&mut self, items: impl FnOnce(&mut Self)) {
        self.bytes.extend(b"}("); // EMPTY_DICT MARK
        items(self);
        self.bytes.push(b'u'); // SETITEMS
    }

    pub(super) fn text(&mut self, text: &str) {
        // Names of tensors are far shorter than 4 GiB.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.bytes.push(b'X'); // BINUNICODE
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(text.as_bytes());
    }

    pub(super) fn integer(&mut self, number: i64) {
        if let Ok(number) = i32::try_from(number) {
            self.bytes.push(b'J'); // BININT
            self.bytes.extend(number.to_le_bytes());
        } else {
            self.bytes.extend([0x8a, 8]); // LONG1 of 8 bytes
            self.bytes.extend(number.to_le_bytes());
        }
    }

    /// A contiguous tensor that fills the storage of this number.
    pub(super) fn tensor(&mut self, storage: usize, kind: Kind, shape: &[i64]) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.tuple(|pickle| {
            pickle.storage(storage, kind, shape.iter().product());
            pickle.integer(0); // offset
            pickle.integers(shape);
            pickle.integers(&contiguous_stride(shape));
            pickle.bytes.push(0x89); // NEWFALSE: no gradient
            pickle.global("collections", "OrderedDict"); // no backward hooks
            pickle.bytes.extend(b")R"); // EMPTY_TUPLE REDUCE
        });
        self.bytes.push(b'R'); // REDUCE
    }

    /// `('storage', torch.HalfStorage, '7', 'cpu', elements)` as a persistent id.
    fn storage(&mut self, number: usize, kind: Kind, elements: i64) {
        self.tuple(|pickle| {
            pickle.text("storage");
            pickle.global("torch", if kind == Kind::Int64 { "LongStorage" } else { "HalfStorage" });
            pickle.text(&number.to_string());
            pickle.text("cpu");
            pickle.integer(elements);
        });
        self.bytes.push(b'Q'); // BINPERSID
    }

    fn integers(&mut self, numbers: &[i64]) {
        self.tuple(|pickle| numbers.iter().for_each(|number| pickle.integer(*number)));
    }

    fn tuple(&mut self, members: impl FnOnce(&mut Self)) {
        self.bytes.push(b'('); // MARK
        members(self);
        self.bytes.push(b't'); // TUPLE
    }

    fn global(&mut self, module: &str, name: &str) {
        self.bytes.extend(format!("c{module}\n{name}\n").as_bytes()); // GLOBAL
    }
}

/// Elements between neighbours along each side.
fn contiguous_stride(shape: &[i64]) -> Vec<i64> {
    let mut step = 1;
    let mut stride: Vec<_> = shape
        .iter()
        .rev()
        .map(|&side| {
            let here = step;
            step *= side.max(1);
            here
        })
        .collect();
    stride.reverse();
    stride
}
