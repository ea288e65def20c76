//! Files of named tensors: bit for bit, the same bytes each time, and readable by everyone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use model::weights::named_tensors::{self, NamedTensorFile, Written};

fn write(path: &Path, tensors: &[(String, Tensor)], metadata: &BTreeMap<String, String>) -> Written {
    named_tensors::write(&mut File::create(path).unwrap(), path, tensors, metadata).unwrap()
}

fn named(tensors: Vec<(&str, Tensor)>) -> Vec<(String, Tensor)> {
    tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
}

/// One of each dtype that a checkpoint has, of odd lengths, one seen through a transposed view, one wanted by autograd.
fn every_kind() -> Vec<(String, Tensor)> {
    let numbers = Tensor::arange(15, (Kind::Float, Device::Cpu)) / 7 - 1;
    let odd = Tensor::from_slice(&[f32::NAN, f32::INFINITY, -0.0, f32::from_bits(1), f32::MAX]);
    named(vec![
        ("step", Tensor::from(7_i64)),
        ("codes", numbers.to_kind(Kind::Int64).to_kind(Kind::Uint8)),
        ("f16", numbers.to_kind(Kind::Half)),
        ("bf16", numbers.to_kind(Kind::BFloat16).reshape([5, 3])),
        ("f32", numbers.reshape([3, 5]).transpose(0, 1).set_requires_grad(true)),
        ("odd", odd),
        ("nothing", Tensor::zeros([0, 4], (Kind::Float, Device::Cpu))),
        ("flags", numbers.gt(0)),
    ])
}

fn bits(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.detach().contiguous().copy_data_u8(&mut bytes, tensor.numel());
    bytes
}

#[test]
fn every_dtype_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let texts = BTreeMap::from([("position".to_owned(), "\"7\"\n".to_owned())]);
    write(&path, &every_kind(), &texts);
    let file = NamedTensorFile::open(&path).unwrap();
    assert_eq!(file.metadata(), &texts);
    assert_eq!(file.names(), ["bf16", "codes", "f16", "f32", "flags", "nothing", "odd", "step"]);
    for (name, tensor) in every_kind() {
        let found = file.tensor(&name).unwrap();
        assert_eq!(file.kind(&name), Some(tensor.kind()), "{name}");
        assert_eq!((found.kind(), found.size()), (tensor.kind(), tensor.size()), "{name}");
        assert_eq!(bits(&found), bits(&tensor), "{name}");
    }
}

#[test]
fn the_bytes_are_those_of_the_formats_own_library_in_whatever_order_the_tensors_come() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["a", "b"].map(|name| folder.path().join(name));
    let mut tensors = every_kind();
    let written = write(&first, &tensors, &BTreeMap::new());
    tensors.reverse();
    assert_eq!(write(&second, &tensors, &BTreeMap::new()), written);
    let bytes = fs::read(&first).unwrap();
    assert_eq!(bytes, fs::read(&second).unwrap());

    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(safetensors::serialize(file.iter(), None).unwrap(), bytes);
}

#[test]
fn the_length_is_known_before_and_the_hash_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let texts = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let length = named_tensors::length(&path, &every_kind(), &texts).unwrap();
    let written = write(&path, &every_kind(), &texts);
    assert_eq!((length, fs::metadata(&path).unwrap().len()), (written.bytes, written.bytes));
    assert_eq!(written.sha256, named_tensors::sha256_of(&path).unwrap());
}

#[test]
fn a_tensor_of_many_pieces_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.safetensors");
    let tensor = Tensor::arange(2_500_001, (Kind::Int64, Device::Cpu)).to_kind(Kind::Float);
    write(&path, &named(vec![("large", tensor.shallow_clone())]), &BTreeMap::new());
    assert!(NamedTensorFile::open(&path).unwrap().tensor("large").unwrap().equal(&tensor));
}

#[test]
fn what_cannot_be_written_or_read_is_said_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let one = || Tensor::from(1.0_f32);
    let refusal = |tensors: Vec<(&str, Tensor)>| {
        let mut file = File::create(&path).unwrap();
        named_tensors::write(&mut file, &path, &named(tensors), &BTreeMap::new()).unwrap_err().to_string()
    };
    assert!(refusal(vec![("twice", one()), ("twice", one())]).contains("only one twice"));
    assert!(refusal(vec![("__metadata__", one())]).contains("only one __metadata__"));
    assert!(refusal(vec![("complex", one().to_kind(Kind::ComplexFloat))]).contains("complex is ComplexFloat"));

    write(&path, &named(vec![("there", one())]), &BTreeMap::new());
    let missing = NamedTensorFile::open(&path).unwrap().tensor("elsewhere").unwrap_err().to_string();
    assert!(missing.contains("no tensor elsewhere"), "{missing}");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let torn = NamedTensorFile::open(&path).unwrap_err().to_string();
    assert!(torn.contains("download it again"), "{torn}");
}
