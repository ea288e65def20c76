//! `input.train.concepts`: several concepts in one training.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CONCEPT_CHARS_MAX, PROMPT_CHARS_MAX};
use crate::limit::Pattern;
use crate::parameter::{Secrecy, parameters};
use crate::value::describe;
use crate::{RequestError, SecretUrl};

/// Most concepts of one training: more than anybody keeps apart in one model.
pub const CONCEPTS_MAX: usize = 20;

/// A folder at the root of the data set.
const FOLDER: Pattern = Pattern {
    regex: r"^[A-Za-z0-9_-][A-Za-z0-9 ._-]*$",
    max_chars: 100,
    words: "the name of a folder at the root of the zip",
    example: "my dog",
};

parameters! {
    /// One concept, as the request has it.
    pub struct ConceptRequest {
        /// The concept's name: the caption of its images.
        concept_name: String = required(), no_blank(CONCEPT_CHARS_MAX);
        /// A zip of the concept's images.
        data_url: Option<SecretUrl> = or(None), anything();
        /// Instead of a zip of its own: the folder of the job's zip that holds the concept's images.
        folder: Option<String> = or(None), Limit::Pattern(&FOLDER);
        /// What the concept is one of (`a dog`): the caption of its class images.
        class_prompt: Option<String> = or(None), no_blank(PROMPT_CHARS_MAX);
        /// A zip of images of the class.
        class_data_url: Option<SecretUrl> = or(None), anything();
    }
}

/// A concept whose images lie in a folder of the data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concept {
    /// The caption of its images.
    pub name: String,
    /// The folder, below that of the data set, and below that of the class images if it has any.
    pub folder: String,
    /// The caption of its class images.
    pub class_prompt: Option<String>,
}

impl ConceptRequest {
    /// The concept at `index` of the list, without the addresses of its zips.
    pub(super) fn concept(&self, index: usize) -> Concept {
        Concept {
            name: self.concept_name.clone(),
            folder: self.folder.clone().unwrap_or_else(|| format!("concept-{index}")),
            class_prompt: self.class_prompt.clone(),
        }
    }
}

/// Reads the list that stands at `path`.
pub(super) fn parse_concepts(value: Option<Value>, path: &str) -> Result<Vec<ConceptRequest>, RequestError> {
    let path = format!("{path}.concepts");
    let wrong = |found: String| RequestError::Wrong {
        path: path.clone(),
        found,
        expected: format!("a list of at most {CONCEPTS_MAX} objects"),
    };
    let items = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() <= CONCEPTS_MAX && items.iter().all(Value::is_object) => items,
        Some(other) => return Err(wrong(describe(&other, Secrecy::Open))),
    };
    let parse = |(index, item)| ConceptRequest::parse(item, &format!("{path}[{index}]"));
    let concepts: Vec<ConceptRequest> = items.into_iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    for (index, concept) in concepts.iter().enumerate() {
        if concept.data_url.is_some() && concept.folder.is_some() {
            return Err(RequestError::Conflict(format!(
                "{path}[{index}].data_url and {path}[{index}].folder are both given; a concept's images come from one of them."
            )));
        }
    }
    Ok(concepts)
}
