//! The tiny networks of the model's tests: prediction, loss and gradients as diffusers and transformers computed them.

use std::collections::HashMap;

use engine::tch::{Kind, Reduction, Tensor};
use model::{BaseModel, TextEncoder, UNet};
use serde_json::json;

use crate::{Finding, Setting, relative_error};

struct Computed {
    prediction: Tensor,
    loss: Tensor,
    text: TextEncoder,
    unet: UNet,
    recorded: HashMap<String, Tensor>,
}

/// The recorded batch through both networks and back, in `compute`.
fn computed(setting: &Setting, compute: Kind) -> Computed {
    let folder = setting.crates.join("model/tests/goldens/tiny");
    let base = BaseModel::open(&folder.display().to_string().parse().unwrap()).unwrap();
    let text = base.text_encoder(setting.device, Kind::Float).unwrap();
    let unet = base.unet(setting.device, Kind::Float).unwrap();
    for (_, parameter) in text.parameters().iter().chain(unet.parameters()) {
        let _ = parameter.set_requires_grad(true);
    }
    let recorded: HashMap<_, _> = setting.fixture("model/tests/goldens/gradients.safetensors").into_iter().collect();
    let context = text.forward(&recorded["ids"], compute);
    let prediction = unet.forward(&recorded["noisy"].to_kind(compute), &recorded["timesteps"], &context);
    let loss = prediction.to_kind(Kind::Float).mse_loss(&recorded["noise"], Reduction::Mean);
    loss.backward();
    Computed { prediction, loss, text, unet, recorded }
}

/// On the CPU the errors are those of the tests: 1e-5 in outputs, 1e-4 in gradients.
pub(crate) fn in_f32(setting: &Setting) -> Finding {
    let Computed { prediction, loss, text, unet, recorded } = computed(setting, Kind::Float);
    let outputs = relative_error(&prediction, &recorded["prediction"]).max(relative_error(&loss, &recorded["loss"]));
    let mut gradients = (0.0, String::new());
    for (part, parameters) in [("text", text.parameters()), ("unet", unet.parameters())] {
        for (name, parameter) in parameters {
            let Some(expected) = recorded.get(&format!("{part}.grad.{name}")) else { continue };
            let error = relative_error(&parameter.grad(), expected);
            if error.is_nan() || error > gradients.0 {
                gradients = (error, name.clone());
            }
        }
    }
    let allowed = setting.tolerance(1e-4, 5e-2);
    let notes = json!({"outputs": outputs, "gradients": gradients.0, "worst_gradient": gradients.1});
    Finding { error: outputs.max(gradients.0), allowed, notes }
}

/// bf16 keeps 8 bits of a factor.
pub(crate) fn in_bf16(setting: &Setting) -> Finding {
    let Computed { prediction, loss, recorded, .. } = computed(setting, Kind::BFloat16);
    let notes = json!({"prediction": relative_error(&prediction, &recorded["prediction"])});
    Finding { error: relative_error(&loss, &recorded["loss"]), allowed: 0.05, notes }
}
