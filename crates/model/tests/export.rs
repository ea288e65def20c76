//! One file out: both formats hold the same bits, older loaders' names and dtypes, and appear whole or not at all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use model::weights::{FolderSource, Format, RandomSource, SingleFileSource, TensorSpec, TensorTable, inventory};
use model::{ExportNotes, ModelConfig, ModelError, Overlay, Part, WeightSource};
use support::{golden, tiny_config};

/// Without a word about where the model comes from.
fn export(path: &Path, config: &ModelConfig, source: &dyn WeightSource) -> Result<(), ModelError> {
    model::export(path, config, source, &ExportNotes::default()).map(|_| ())
}

const POSITION_IDS: &str = "cond_stage_model.transformer.text_model.embeddings.position_ids";

#[test]
fn a_file_of_sd15_has_the_1131_tensors_of_the_original_worker() {
    let specs = inventory(&ModelConfig::sd15()).unwrap();
    let count = |part| specs.iter().filter(|spec| spec.part == part).count();
    assert_eq!(count(Part::Unet), 686);
    // The position ids are the 197th.
    assert_eq!(count(Part::TextEncoder), 196);
    assert_eq!(count(Part::Vae), 248);
    let elements = |part| -> i64 {
        specs.iter().filter(|spec| spec.part == part).map(|spec| spec.shape.iter().product::<i64>()).sum()
    };
    let [unet, text, vae] = [Part::Unet, Part::TextEncoder, Part::Vae].map(elements);
    assert_eq!((unet, text, vae), (859_520_964, 123_060_480, 83_653_863));
}

#[test]
fn a_folder_survives_the_way_through_every_format() {
    let folder = FolderSource::open(&golden("tiny")).unwrap();
    let target = tempfile::tempdir().unwrap();
    let [ckpt, safetensors] = ["a.ckpt", "b.safetensors"].map(|name| target.path().join(name));
    export(&ckpt, &tiny_config(), &folder).unwrap();
    // The golden weights are exact in fp16, so nothing is lost.
    let from_ckpt = SingleFileSource::open_as(&ckpt, tiny_config()).unwrap();
    export(&safetensors, &tiny_config(), &from_ckpt).unwrap();
    let from_safetensors = SingleFileSource::open_as(&safetensors, tiny_config()).unwrap();
    for TensorSpec { part, name, shape } in inventory(&tiny_config()).unwrap() {
        let [original, first, second] = [&folder as &dyn WeightSource, &from_ckpt, &from_safetensors]
            .map(|source| source.tensor(part, &name, &shape).unwrap());
        assert_eq!((first.kind(), second.kind()), (Kind::Half, Kind::Half));
        assert!(first.equal(&original.to_kind(Kind::Half)) && second.equal(&first), "{name}");
    }
}

#[test]
fn names_shapes_and_dtypes_are_those_of_the_reference_export() {
    let folder = FolderSource::open(&golden("tiny")).unwrap();
    let target = tempfile::tempdir().unwrap();
    for name in ["original.ckpt", "original.safetensors"] {
        let path = target.path().join(name);
        export(&path, &tiny_config(), &folder).unwrap();
        let [found, expected] = [path, golden("weights").join(name)].map(|path| TensorTable::open(&path).unwrap());
        let mut names = [found.names(), expected.names()];
        names.iter_mut().for_each(|names| names.sort_unstable());
        assert_eq!(names[0], names[1]);
        for name in expected.names() {
            let (found, expected) = (found.read(name).unwrap(), expected.read(name).unwrap());
            assert_eq!((found.size(), found.kind()), (expected.size(), expected.kind()), "{name}");
            assert!(found.equal(&expected), "{name}");
        }
        assert_eq!(found.read(POSITION_IDS).unwrap().kind(), Kind::Int64);
        let q = "first_stage_model.encoder.mid.attn_1.q.weight";
        assert_eq!(found.shape(q), Some([16, 16, 1, 1].as_slice()));
    }
}

#[test]
fn the_same_weights_give_the_same_file() {
    let target = tempfile::tempdir().unwrap();
    for format in ["ckpt", "safetensors"] {
        let files = ["a", "b"].map(|name| target.path().join(format!("{name}.{format}")));
        files.iter().for_each(|path| export(path, &tiny_config(), &RandomSource::new(1)).unwrap());
        let [first, second] = files.map(|path| fs::read(path).unwrap());
        assert!(first == second, "{format}");
    }
}

#[test]
fn trained_networks_replace_their_part_of_the_base() {
    let base = RandomSource::new(1);
    let trained: Vec<(String, Tensor)> = inventory(&tiny_config())
        .unwrap()
        .into_iter()
        .filter(|spec| spec.part == Part::TextEncoder)
        .map(|spec| (spec.name, Tensor::full(&spec.shape, 0.5, (Kind::Float, Device::Cpu)).set_requires_grad(true)))
        .collect();
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("trained.safetensors");
    export(&path, &tiny_config(), &Overlay::new(&base).with(Part::TextEncoder, &trained)).unwrap();
    let file = SingleFileSource::open_as(&path, tiny_config()).unwrap();
    for TensorSpec { part, name, shape } in inventory(&tiny_config()).unwrap() {
        let found = file.tensor(part, &name, &shape).unwrap();
        let expected = match part {
            Part::TextEncoder => Tensor::full(&shape, 0.5, (Kind::Half, Device::Cpu)),
            Part::Unet | Part::Vae => base.tensor(part, &name, &shape).unwrap().to_kind(Kind::Half),
        };
        assert!(found.equal(&expected), "{name}");
    }
}

#[test]
fn a_trained_network_of_another_model_is_refused() {
    let base = RandomSource::new(1);
    let stranger = [("conv_in.weight".to_owned(), Tensor::zeros([1], (Kind::Float, Device::Cpu)))];
    let overlay = Overlay::new(&base).with(Part::Unet, &stranger);
    let shape = overlay.tensor(Part::Unet, "conv_in.weight", &[8, 4, 3, 3]).unwrap_err();
    assert!(matches!(shape, ModelError::TrainedShape { .. }));
    let absent = overlay.tensor(Part::Unet, "conv_in.bias", &[8]).unwrap_err();
    assert!(matches!(absent, ModelError::NotTrained(_)));
}

/// A source whose last network cannot be read.
struct WithoutVae;

impl WeightSource for WithoutVae {
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor, ModelError> {
        match part {
            Part::Vae => Err(ModelError::NotTrained(name.to_owned())),
            Part::Unet | Part::TextEncoder => RandomSource::new(0).tensor(part, name, shape),
        }
    }
}

#[test]
fn a_failed_export_leaves_the_old_file_and_nothing_else() {
    let target = tempfile::tempdir().unwrap();
    for name in ["model.ckpt", "model.safetensors"] {
        let path = target.path().join(name);
        fs::write(&path, "the old model").unwrap();
        assert!(export(&path, &tiny_config(), &WithoutVae).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "the old model");
    }
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 2);
}

#[test]
fn a_weight_that_fp16_cannot_hold_is_refused_by_name() {
    let base = RandomSource::new(1);
    let name = "conv_norm_out.weight";
    let shape = [tiny_config().unet.block_out_channels[0]];
    let cases = [
        (70_000.0, "has grown to 7e4"),
        (-1e6, "has grown to 1e6"),
        (f64::INFINITY, "not a finite number"),
        (f64::NAN, "not a finite number"),
    ];
    for (value, expected) in cases {
        let mut trained: Vec<(String, Tensor)> = inventory(&tiny_config())
            .unwrap()
            .into_iter()
            .filter(|spec| spec.part == Part::Unet)
            .map(|TensorSpec { name, shape, .. }| (name.clone(), base.tensor(Part::Unet, &name, &shape).unwrap()))
            .collect();
        let grown = Tensor::ones(shape, (Kind::Float, Device::Cpu));
        let _filled = grown.get(3).fill_(value);
        trained
            .iter_mut()
            .filter(|(trained, _)| trained == name)
            .for_each(|(_, weight)| *weight = grown.shallow_clone());
        let target = tempfile::tempdir().unwrap();
        for file in ["model.ckpt", "model.safetensors"] {
            let overlay = Overlay::new(&base).with(Part::Unet, &trained);
            let message = export(&target.path().join(file), &tiny_config(), &overlay).unwrap_err().to_string();
            let names_it =
                message.contains("model.diffusion_model.out.0.weight") && message.contains("lower learning rate");
            assert!(names_it && message.contains(expected), "{message}");
        }
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
    }
}

/// The base, whose every weight is `value`.
struct Constant(f64);

impl WeightSource for Constant {
    fn tensor(&self, _part: Part, _name: &str, shape: &[i64]) -> Result<Tensor, ModelError> {
        Ok(Tensor::full(shape, self.0, (Kind::Float, Device::Cpu)))
    }
}

#[test]
fn the_greatest_numbers_of_fp16_are_written() {
    let target = tempfile::tempdir().unwrap();
    for value in [65504.0, -65504.0] {
        export(&target.path().join("model.safetensors"), &tiny_config(), &Constant(value)).unwrap();
    }
}

#[test]
fn the_file_name_chooses_the_format() {
    assert_eq!(Format::of("a/b.SafeTensors".as_ref()).unwrap(), Format::Safetensors);
    assert_eq!(Format::of("b.ckpt".as_ref()).unwrap(), Format::Ckpt);
    let message = Format::of("b.bin".as_ref()).unwrap_err().to_string();
    assert!(message.contains("b.bin") && message.contains(".safetensors or .ckpt"), "{message}");
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let message =
        export(Path::new("no/such/folder/m.ckpt"), &tiny_config(), &RandomSource::new(0)).unwrap_err().to_string();
    assert!(message.starts_with("no/such/folder/m.ckpt: "), "{message}");
}
