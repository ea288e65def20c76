//! Checkpoints of `torch.save` are read as data: tensors come out, code is refused by name, damage never panics.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
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

/// A zip's end record, which says how many entries its directory has, how long it is and where it begins.
fn end_record(entries: u16, length: u32, start: u32) -> Vec<u8> {
    let entries = entries.to_le_bytes();
    [b"PK\x05\x06\0\0\0\0", &entries[..], &entries, &length.to_le_bytes(), &start.to_le_bytes(), b"\0\0"].concat()
}

/// The end of an archive that needs 64-bit numbers: the long record at `at`, its locator, and the short one.
fn long_end(at: u64, entries: u64, length: u64, start: u64) -> Vec<u8> {
    let mut bytes = b"PK\x06\x06".to_vec();
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [entries, entries, length, start] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(at.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(end_record(u16::MAX, u32::MAX, u32::MAX));
    bytes
}

fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    bytes[at..at + length].iter().rev().fold(0, |value, byte| (value << 8) | usize::from(*byte))
}

/// The same archive as one that is longer than 4 GB would be written: every size and place is a 64-bit number.
fn with_long_numbers(archive: &[u8]) -> Vec<u8> {
    let end = archive.len() - 22;
    let (entries, start) = (number(archive, end + 10, 2), number(archive, end + 16, 4));
    let mut bytes = archive[..start].to_vec();
    let mut at = start;
    for _ in 0..entries {
        let lengths = [28, 30, 32].map(|field| number(archive, at + field, 2));
        let mut fixed = archive[at..at + 46].to_vec();
        let numbers = [24, 20, 42].map(|field| number(&fixed, field, 4) as u64);
        for field in [20, 24, 42] {
            fixed[field..field + 4].fill(0xff);
        }
        // Behind a field of another kind, as other programs write it.
        fixed[30..32].copy_from_slice(&34_u16.to_le_bytes());
        fixed[32..34].fill(0);
        bytes.extend(&fixed);
        bytes.extend(&archive[at + 46..at + 46 + lengths[0]]);
        bytes.extend(b"\xfe\xca\x02\x00??\x01\x00\x18\x00");
        numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        at += 46 + lengths.iter().sum::<usize>();
    }
    let behind = bytes.len() as u64;
    bytes.extend(long_end(behind, entries as u64, behind - start as u64, start as u64));
    bytes
}

#[test]
fn a_checkpoint_of_more_than_four_gigabytes_is_read_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.ckpt");
    let short = golden("weights/training.ckpt");
    fs::write(&path, with_long_numbers(&fs::read(&short).unwrap())).unwrap();
    let [long, short] = [&path, &short].map(|path| TensorTable::open(path).unwrap());
    assert_eq!(long.names().len(), short.names().len());
    for name in short.names() {
        assert!(long.read(name).unwrap().equal(&short.read(name).unwrap()), "{name}");
    }
}

#[test]
fn weights_behind_the_first_four_gigabytes_are_found() {
    /// A hole between the first entry and the others, which takes no room on the disk.
    const HOLE: u64 = 5 << 30;
    let short = golden("weights/training.ckpt");
    let long = with_long_numbers(&fs::read(&short).unwrap());
    let end = long.len() - 98;
    let (entries, start) = (number(&long, end + 32, 8), number(&long, end + 48, 8));
    let second = long[4..].windows(4).position(|window| window == b"PK\x03\x04").unwrap() + 4;
    let mut directory = long[start..end].to_vec();
    let mut at = 0;
    for _ in 0..entries {
        let lengths = [28, 30, 32].map(|field| number(&directory, at + field, 2));
        at += 46 + lengths.iter().sum::<usize>();
        let local = number(&directory, at - 8, 8) as u64;
        if local >= second as u64 {
            directory[at - 8..at].copy_from_slice(&(local + HOLE).to_le_bytes());
        }
    }
    let behind = end as u64 + HOLE;
    let last = long_end(behind, entries as u64, directory.len() as u64, start as u64 + HOLE);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.ckpt");
    let file = fs::File::create(&path).unwrap();
    file.write_all_at(&long[..second], 0).unwrap();
    file.write_all_at(&[&long[second..start], &directory, &last].concat(), second as u64 + HOLE).unwrap();
    assert!(file.metadata().unwrap().len() > HOLE);
    let [long, short] = [&path, &short].map(|path| TensorTable::open(path).unwrap());
    for name in short.names() {
        assert!(long.read(name).unwrap().equal(&short.read(name).unwrap()), "{name}");
    }
}

#[test]
fn an_archive_of_too_many_entries_is_refused_before_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.ckpt");
    // Entries that are all the same empty file, and really there.
    let local = [b"PK\x03\x04".as_slice(), &[0; 22], b"\x01\0\0\0a"].concat();
    let entry = [b"PK\x01\x02".as_slice(), &[0; 24], b"\x01\0", &[0; 16], b"a"].concat();
    let entries = 150_000;
    let directory = entry.repeat(entries);
    let mut bytes = [local.as_slice(), &directory].concat();
    let at = bytes.len() as u64;
    bytes.extend(long_end(at, entries as u64, directory.len() as u64, local.len() as u64));
    fs::write(&path, bytes).unwrap();
    assert!(refusal(&path).contains("it claims 150000 entries"), "{}", refusal(&path));

    // Ten are claimed that are not there, and a directory of a terabyte.
    for (entries, length) in [(10, 1 << 40), (1 << 40, 46 << 40)] {
        fs::write(&path, [local.clone(), long_end(local.len() as u64, entries, length, 0)].concat()).unwrap();
        assert!(refusal(&path).contains(&format!("it claims {entries} entries in a directory of {length}")));
    }
    fs::write(&path, [local.clone(), end_record(10, 31, 0)].concat()).unwrap();
    assert!(refusal(&path).contains("cut short or damaged"));
}

#[test]
fn a_compressed_checkpoint_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packed.ckpt");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("archive/data.pkl", options).unwrap();
    zip.write_all(&[0; 1000]).unwrap();
    zip.finish().unwrap();
    assert!(refusal(&path).contains("compressed or encrypted; save it with torch.save"), "{}", refusal(&path));
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
