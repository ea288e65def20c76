//! Checkpoints of `torch.save` are read as data: tensors come out, code is refused by name, damage never panics.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use engine::tch::Kind;
use model::weights::{TensorTable, inventory};
use serde_json::Value;
use support::{golden, tiny_config};

fn refusal(path: &Path) -> String {
    TensorTable::open(path).unwrap_err().to_string()
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Double => "float64",
        Kind::Float => "float32",
        Kind::Half => "float16",
        Kind::BFloat16 => "bfloat16",
        Kind::Int64 => "int64",
        other => panic!("the golden files have no {other:?}"),
    }
}

#[test]
fn every_tensor_of_every_container_is_what_torch_saved() {
    let expected: Value = serde_json::from_slice(&fs::read(golden("weights/expected.json")).unwrap()).unwrap();
    for case in expected["cases"].as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        let table = TensorTable::open(&golden("weights").join(file)).unwrap();
        let tensors = case["tensors"].as_object().unwrap();
        assert_eq!(table.names().len(), tensors.len(), "{file}");
        for (name, description) in tensors {
            let tensor = table.read(name).unwrap();
            assert_eq!(Value::from(tensor.size()), description["shape"], "{file}: {name}");
            assert_eq!(kind_name(tensor.kind()), description["dtype"], "{file}: {name}");
            let sum = tensor.to_kind(Kind::Double).sum(Kind::Double).double_value(&[]);
            assert!((sum - description["sum"].as_f64().unwrap()).abs() < 1e-9, "{file}: {name} sums to {sum}");
        }
    }
}

#[test]
fn a_strided_view_arrives_in_its_own_order() {
    let table = TensorTable::open(&golden("weights/training.ckpt")).unwrap();
    let view = Vec::<f32>::try_from(table.read("view").unwrap().flatten(0, -1)).unwrap();
    assert_eq!(view, [6., 8., 10., 12., 14., 16.]);
    let transposed = Vec::<f32>::try_from(table.read("transposed").unwrap().flatten(0, -1)).unwrap();
    assert_eq!(transposed[..5], [0., 6., 12., 18., 1.]);
}

#[test]
fn a_state_dict_inside_a_state_dict_is_found() {
    assert_eq!(TensorTable::open(&golden("weights/nested.ckpt")).unwrap().names().len(), 2);
}

#[test]
fn code_is_refused_by_name_wherever_it_stands_and_never_runs() {
    for (file, function) in [("hostile.ckpt", "posix.system"), ("hostile_beside.ckpt", "eval")] {
        let message = refusal(&golden("weights").join(file));
        assert!(message.contains(function) && message.contains("contains code"), "{message}");
        assert!(message.contains(file), "{message}");
    }
    assert!(refusal(&golden("weights/hostile_plain.ckpt")).contains("posix.system"));
    assert!(!Path::new("a-pickle-was-executed").exists());
}

/// A legacy checkpoint around the instructions that build the saved object.
fn legacy(object: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02");
    bytes.extend(object);
    bytes.extend(b".\x80\x02].");
    bytes
}

fn refusal_of(object: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.ckpt");
    fs::write(&path, legacy(object)).unwrap();
    refusal(&path)
}

#[test]
fn every_way_to_call_a_function_is_seen() {
    let ways: [(&[u8], &str); 6] = [
        (b"cos\nsystem\n(X\x02\x00\x00\x00lstR", "os.system"),
        (b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93X\x02\x00\x00\x00ls\x85R", "os.system"),
        (b"(X\x02\x00\x00\x00lsios\nsystem\n", "os.system"),
        (b"(cos\nsystem\nX\x02\x00\x00\x00lso", "os.system"),
        (b"csubprocess\nPopen\nX\x02\x00\x00\x00ls\x85\x81", "subprocess.Popen"),
        (b"c__builtin__\nexec\nX\x02\x00\x00\x00ls\x85R0}", "__builtin__.exec"),
    ];
    for (object, function) in ways {
        let message = refusal_of(object);
        assert!(message.contains(function), "{message}");
    }
}

#[test]
fn an_object_of_an_unknown_class_among_the_weights_is_refused_by_name() {
    let object = b"}X\x0a\x00\x00\x00state_dict}X\x01\x00\x00\x00wcmylib.layers\nQuantized\n)Rss";
    let message = refusal_of(object);
    assert!(message.contains("w is an object of mylib.layers.Quantized"), "{message}");
}

#[test]
fn a_tensor_outside_its_storage_is_refused() {
    // _rebuild_tensor_v2(storage '0' of 2 floats, offset 0, shape (3,), stride (1,), ...)
    let object =
        b"}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n\
        X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQK\x00K\x03\x85K\x01\x85\x89}tRs";
    assert!(refusal_of(object).contains("outside its storage"));
}

#[test]
fn sides_whose_product_overflows_are_no_panic() {
    // Shapes (0, 2^62, 4) and (2^62, 4, 0) in a storage without elements.
    let side = b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40";
    let shapes = [[b"K\x00".as_slice(), side, b"K\x04"], [side, b"K\x04", b"K\x00"]];
    let strides: [&[u8]; 3] = [b"K\x04K\x04K\x01", b"K\x00K\x04K\x01", b"K\x00K\x00K\x00"];
    for (shape, stride) in shapes.iter().flat_map(|shape| strides.map(|stride| (shape, stride))) {
        let mut object = b"}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n\
            FloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x00tQK\x00"
            .to_vec();
        object.extend(shape.concat());
        object.extend([b"\x87", stride, b"\x87\x89}tRs"].concat());
        let mut bytes = legacy(&object);
        // The list of storages: one, and its count of no elements.
        bytes.truncate(bytes.len() - 2);
        bytes.extend(b"]X\x01\x00\x00\x000a.\x00\x00\x00\x00\x00\x00\x00\x00");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.ckpt");
        fs::write(&path, bytes).unwrap();
        // Whether such a tensor is refused or empty is all the same; that an answer comes is not.
        drop(TensorTable::open(&path).map(|table| table.read("w")));
    }
}

#[test]
fn nesting_without_end_neither_overflows_nor_hangs() {
    let mut deep = vec![b']'; 200_000];
    deep.extend(vec![b'a'; 199_999]);
    assert!(refusal_of(&deep).contains("no dictionary of weights"));
    // A list that contains itself, used as a weight.
    assert!(refusal_of(b"}X\x01\x00\x00\x00w]q\x00h\x00as").contains("holds no weights"));
    // A string that claims four gigabytes.
    assert!(refusal_of(b"X\xff\xff\xff\xffabc").contains("pickle"));
}

#[test]
fn a_short_file_cannot_unfold_into_a_long_one() {
    // A list of 1,000,000 pairs, made an ordered dictionary ten times over.
    let mut object = b"](".to_vec();
    object.extend(b"NN\x86q\x00".iter().chain(b"h\x00".repeat(999_999).iter()));
    object.extend(b"eq\x010");
    object.extend(b"ccollections\nOrderedDict\nh\x01\x85R0".repeat(10));
    object.extend(b"}");
    assert!(refusal_of(&object).contains("builds more than"));
    // A class whose name is a remembered megabyte, mentioned over and over.
    let mut object = b"X\x40\x42\x0f\x00".to_vec();
    object.extend(vec![b'x'; 1_000_000]);
    object.extend(b"q\x000");
    object.extend(b"h\x00h\x00\x93".repeat(100_000));
    assert!(refusal_of(&object).contains("absurd length"));
}

#[test]
fn a_checkpoint_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.ckpt");
    for file in ["training.ckpt", "text_encoder_legacy.bin"] {
        let whole = fs::read(golden("weights").join(file)).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 150) {
            fs::write(&path, &whole[..length]).unwrap();
            let message = refusal(&path);
            assert!(message.contains("cut.ckpt is not a usable model file"), "{file} cut to {length}: {message}");
        }
    }
}

/// A small fixed stream of numbers, so that a failure can be repeated.
struct Stream(u64);

impl Stream {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

#[test]
fn random_damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.ckpt");
    let mut stream = Stream(7);
    for (file, rounds) in [("training.ckpt", 600), ("nested.ckpt", 600), ("text_encoder_legacy.bin", 300)] {
        let whole = fs::read(golden("weights").join(file)).unwrap();
        // The tables of tensors stand at the beginning; most damage belongs there.
        let table = whole.len().min(6000);
        for round in 0..rounds {
            let mut damaged = whole.clone();
            for _ in 0..=stream.below(4) {
                let place = if round % 4 == 0 { stream.below(whole.len()) } else { stream.below(table) };
                damaged[place] = stream.below(256) as u8;
            }
            fs::write(&path, &damaged).unwrap();
            if let Ok(table) = TensorTable::open(&path) {
                for name in table.names() {
                    // Whether it can be read is the file's affair; that it returns is ours.
                    drop(table.read(name));
                }
            }
        }
    }
}

#[test]
fn random_instructions_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("random.ckpt");
    let instructions =
        b"(0123NIJKMLFGSTUVXBC)]}tlduaes\x85\x86\x87\x88\x89\x8a\x8c\x8f\x90\x91\x92\x93\x94RbcioQpqghrj";
    let mut stream = Stream(11);
    for _ in 0..3000 {
        let object: Vec<u8> = (0..stream.below(60))
            .map(|_| {
                if stream.below(5) == 0 {
                    stream.below(256) as u8
                } else {
                    instructions[stream.below(instructions.len())]
                }
            })
            .collect();
        fs::write(&path, legacy(&object)).unwrap();
        drop(TensorTable::open(&path));
    }
}

#[test]
fn the_original_checkpoint_holds_every_tensor_of_the_model() {
    let table = TensorTable::open(&golden("weights/original.ckpt")).unwrap();
    let positions = 1;
    assert_eq!(table.names().len(), inventory(&tiny_config()).unwrap().len() + positions);
}
