//! txt2img
