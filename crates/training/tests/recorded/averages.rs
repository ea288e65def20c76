//! Averages of weights beside those of diffusers' `EMAModel`.

use engine::tch::Tensor;
use engine::{Ema, Parameter};

use crate::recording::{difference, fixture};

#[test]
fn averages_are_those_of_diffusers_warmed_up_as_in_latent_diffusion() {
    let recorded = fixture("ema");
    let weight = |step: usize| recorded[&format!("weight.{step}")].copy();
    let parameters = [Parameter::new("weight".into(), weight(0))];
    let mut ema = Ema::new(&parameters, 0.999).unwrap();
    let mut compared = 0;
    for step in 1..=10 {
        parameters[0].load(&weight(step)).unwrap();
        ema.update(&parameters).unwrap();
        let (_, average): (_, &Tensor) = ema.averages().next().unwrap();
        let found = difference(average, &recorded[&format!("ldm.after_{step}")]);
        // Of values of size 1; float32 rounds to 6e-8.
        assert!(found < 1e-6, "after {step} updates: {found:e}");
        compared += 1;
    }
    assert_eq!(recorded.keys().filter(|name| name.starts_with("ldm.after_")).count(), compared);
}
