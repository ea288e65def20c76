//! `input.train`: how the concept is trained, and where the photos and the base model come from.

mod choices;
mod concept;
mod settings;

use serde_json::{Map, Value};

pub use choices::{CaptionPadding, Crop, FloatKind, NetworkKind, Profile, TextTraining};
pub use concept::{CONCEPTS_MAX, Concept, ConceptRequest};
pub use settings::TrainSettings;

use crate::limit::Pattern;
use crate::parameter::{Kind, Parameter, Secrecy, object, parameters, refuse_unknown};
use crate::{RequestError, Secret, SecretUrl};

/// Most optimizer steps of one stage: two days on a good GPU; more is a slip of the keyboard.
pub const STEPS_MAX: u32 = 100_000;
/// Longest concept name: it is a caption, of which the text encoder reads 75 tokens.
pub const CONCEPT_CHARS_MAX: usize = 200;
/// Longest prompt of a class or a sample; the text encoder reads 75 tokens.
pub const PROMPT_CHARS_MAX: usize = 500;
/// The UNet's learning rate for a LoRA, where the request names none: kohya's usual one. Its few numbers move much further
/// than a whole network's.
pub const LORA_UNET_LEARNING_RATE: f64 = 1e-4;
/// The text encoder's, likewise.
pub const LORA_TEXT_LEARNING_RATE: f64 = 5e-5;
/// Longest access token; a hub's have some forty characters.
pub const TOKEN_CHARS_MAX: usize = 512;

/// `owner/name` as the Hub allows it.
pub const REPOSITORY: Pattern = Pattern {
    regex: r"^[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*$",
    max_chars: 200,
    words: "a repository name such as owner/name",
    example: "runwayml/stable-diffusion-v1-5",
};

/// A branch, a tag or a commit.
pub const REVISION: Pattern = Pattern {
    regex: r"^[A-Za-z0-9_][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*$",
    max_chars: 200,
    words: "the name of a branch or tag, or a commit",
    example: "fp16",
};

parameters! {
    /// Where the photos and the base model come from, as the request says it.
    pub(crate) struct TrainOrigin {
        /// A publicly accessible URL to your zip file containing your data set images. A job must have it; the command
        /// line gives the images by path instead.
        data_url: Option<SecretUrl> = or(None), anything();
        /// A Hugging Face repository (`owner/name`) in the diffusers layout to start from.
        hf_model: Option<String> = or(None), Limit::Pattern(&REPOSITORY);
        /// The branch, tag or commit of `hf_model`, beside which it must stand; `main` where it is left out.
        hf_revision: Option<String> = or(None), Limit::Pattern(&REVISION);
        /// If the Hugging Face repository is private, your user access token.
        hf_token: Option<Secret> = or(None), text(TOKEN_CHARS_MAX);
        /// A publicly accessible link to a `.ckpt` or `.safetensors` file to start from.
        ckpt_link: Option<SecretUrl> = or(None), anything();
        /// A publicly accessible URL to a zip with images of the class, for prior preservation.
        class_data_url: Option<SecretUrl> = or(None), anything();
    }
}

/// `input.train`, taken apart.
pub(crate) struct TrainRequest {
    pub(crate) settings: TrainSettings,
    pub(crate) origin: TrainOrigin,
    /// As many as the settings have concepts.
    pub(crate) concepts: Vec<ConceptRequest>,
}

/// Every field of `input.train`, in the order of the documentation.
pub fn train_table() -> Vec<Parameter> {
    let concepts = Parameter {
        name: "concepts",
        aliases: &[],
        kind: Kind::Objects,
        nullable: false,
        default: Some(Value::Array(Vec::new())),
        limit: crate::limit::Limit::Objects { max_items: CONCEPTS_MAX, fields: ConceptRequest::table() },
        secrecy: Secrecy::Open,
        doc: "Several concepts in one training, instead of `concept_name`: each with a `concept_name`, a `data_url` of its own or \
              the `folder` of the job's zip with its images, and, if wished, a `class_prompt` and a `class_data_url`."
            .into(),
    };
    TrainOrigin::table().iter().chain(TrainSettings::table()).cloned().chain([concepts]).collect()
}

/// Takes `input.train`, which stands at `path`, apart.
fn parse(value: Value, path: &str) -> Result<TrainRequest, RequestError> {
    let mut fields = object(value, path, "an object")?;
    let origin = TrainOrigin::take(&mut fields, path)?;
    let concepts = concept::parse_concepts(fields.shift_remove("concepts"), path)?;
    let [text_rate, unet_rate] = ["text_learning_rate", "unet_learning_rate"].map(|name| is_given(&fields, name));
    let mut settings = TrainSettings::take(&mut fields, path)?;
    let table = train_table();
    let known: Vec<&str> = table.iter().map(|row| row.name).collect();
    refuse_unknown(&fields, path, &known)?;
    if settings.network == NetworkKind::Lora {
        settings.text_learning_rate = if text_rate { settings.text_learning_rate } else { LORA_TEXT_LEARNING_RATE };
        settings.unet_learning_rate = if unet_rate { settings.unet_learning_rate } else { LORA_UNET_LEARNING_RATE };
    }
    if !concepts.is_empty() && settings.concept_name.is_some() {
        return Err(RequestError::Conflict(format!(
            "{path}.concept_name and {path}.concepts are both given; name each concept in the list."
        )));
    }
    settings.concepts = concepts.iter().enumerate().map(|(index, concept)| concept.concept(index)).collect();
    Ok(TrainRequest { settings, origin, concepts })
}

fn is_given(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name).is_some_and(|value| !value.is_null())
}

/// `input.train` of a job: with the rules that concern the whole object.
///
/// # Errors
/// One sentence that names the field; also when images are missing, both `hf_model` and `ckpt_link` are given, or
/// `hf_revision` is without its `hf_model`.
pub(crate) fn parse_job(value: Value, path: &str) -> Result<TrainRequest, RequestError> {
    let request = parse(value, path)?;
    let needs_zip = |concept: &ConceptRequest| concept.data_url.is_none();
    if request.origin.data_url.is_none() && (request.concepts.is_empty() || request.concepts.iter().any(needs_zip)) {
        return Err(RequestError::Missing {
            path: format!("{path}.data_url"),
            expected: "the URL of a zip file with your images".into(),
        });
    }
    if request.origin.hf_model.is_some() && request.origin.ckpt_link.is_some() {
        return Err(RequestError::Conflict(format!(
            "{path}.hf_model and {path}.ckpt_link are both given; leave one of them out, a training starts from one model."
        )));
    }
    if request.origin.hf_revision.is_some() && request.origin.hf_model.is_none() {
        return Err(RequestError::Conflict(format!(
            "{path}.hf_revision is given without {path}.hf_model, so it is the revision of nothing; name the repository in \
             {path}.hf_model, or leave {path}.hf_revision out."
        )));
    }
    let folder_is_missing = |(index, concept): (usize, &ConceptRequest)| {
        (concept.data_url.is_none() && concept.folder.is_none()).then_some(index)
    };
    match request.concepts.iter().enumerate().find_map(folder_is_missing) {
        Some(index) => Err(RequestError::Missing {
            path: format!("{path}.concepts[{index}].folder"),
            expected: "the folder of the zip with this concept's images (or give it a data_url of its own)".into(),
        }),
        None => Ok(request),
    }
}

impl TrainSettings {
    /// The settings in an `input.train` that stands at `path`; the fields that say where bytes come from may be there and
    /// do not count, because whoever calls has the bytes.
    ///
    /// # Errors
    /// One sentence that names the field.
    pub fn parse_alone(value: Value, path: &str) -> Result<Self, RequestError> {
        parse(value, path).map(|request| request.settings)
    }
}
