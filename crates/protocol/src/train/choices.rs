//! The closed lists of words that fields of `input.train` take.

use names::names;

use crate::value::named_fields;

names! {
    /// Which of two ways to train stands behind the fields that are left out.
    pub enum Profile: "training profile" {
        /// The original endpoint's way with its weaknesses mended.
        Recommended = "recommended",
        /// The original endpoint's mathematics.
        Faithful = "faithful",
    }
}

names! {
    /// What is trained besides the UNet, and how.
    pub enum TextTraining: "mode of the text stage" {
        /// First UNet and text encoder together, as the original endpoint does; then that UNet is thrown away.
        Joint = "joint",
        /// First the text encoder alone, through a UNet that does not change.
        FrozenUnet = "frozen_unet",
        /// Both together in one stage, each with its own rate, and both are kept.
        JointKeep = "joint_keep",
    }
}

names! {
    /// How many positions of the text encoder a caption takes.
    pub enum CaptionPadding: "caption padding" {
        /// All 77, as in drawing.
        MaxLength = "max_length",
        /// As many as the longest caption of its batch.
        Longest = "longest",
    }
}

names! {
    /// Where a photo is cut to its frame.
    pub enum Crop: "crop" {
        /// At random places.
        Random = "random",
        /// In its middle.
        Center = "center",
    }
}

names! {
    /// Which numbers are trained.
    pub enum NetworkKind: "network" {
        /// All weights of the networks.
        Full = "full",
        /// Small matrices beside the weights (LoRA, Hu et al., 2021).
        Lora = "lora",
    }
}

names! {
    /// The dtype of numbers in a computation.
    pub enum FloatKind: "precision" {
        /// 32-bit floats.
        Fp32 = "fp32",
        /// bfloat16.
        Bf16 = "bf16",
    }
}

named_fields!(Profile, TextTraining, CaptionPadding, Crop, NetworkKind, FloatKind);
