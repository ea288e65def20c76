//! The text that describes one image, as the web UI writes it into its PNG files.

use protocol::Txt2ImgParams;

use crate::python_json;

/// Prompt; then `Negative prompt: …` when there is one; then `Key: value` pairs.
pub fn infotext(params: &Txt2ImgParams, seed: u64, model: &str) -> String {
    let mut pairs = vec![
        ("Steps", params.steps.to_string()),
        ("Sampler", params.sampler_choice().to_string()),
        ("CFG scale", python_json::float(params.cfg_scale)),
        ("Seed", seed.to_string()),
        ("Size", format!("{}x{}", params.width, params.height)),
        ("Model", model.replace([',', ':'], "")),
    ];
    if let (Some(eta), Some(default)) = (params.eta, params.sampler().row().eta)
        && eta != default
    {
        // The web UI's names for the two kinds of samplers, which it tells apart by their default.
        pairs.push((if default == 0.0 { "Eta DDIM" } else { "Eta" }, python_json::float(eta)));
    }
    let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}: {}", quoted(&value))).collect();
    let mut lines = vec![params.prompt.clone()];
    if let Some(negative) = params.negative_prompt.as_deref().filter(|text| !text.is_empty()) {
        lines.push(format!("Negative prompt: {negative}"));
    }
    lines.push(pairs.join(", "));
    lines.join("\n")
}

/// Quotes a value that would break the list apart.
fn quoted(value: &str) -> String {
    if value.contains(',') { format!("{value:?}") } else { value.into() }
}
