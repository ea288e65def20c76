//! Samplers and schedules by their names: which are understood, what is known of each, and what a refusal says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use protocol::sampler::{SamplerNoise, Walks};
use protocol::{RequestError, SamplerChoice, SamplerName, SchedulerName, Txt2ImgParams};
use serde_json::{Value, json};

fn parse(fields: &Value) -> Result<Txt2ImgParams, RequestError> {
    let mut item = json!({"prompt": "p"});
    fields.as_object().unwrap().iter().for_each(|(key, value)| item[key] = value.clone());
    Txt2ImgParams::parse_item(item, "item")
}

fn understood(fields: &Value) -> (SamplerName, SchedulerName) {
    let params = parse(fields).unwrap();
    (params.sampler(), params.schedule())
}

#[test]
fn each_row_of_the_table_stands_under_its_own_name() {
    for &name in SamplerName::ALL {
        assert_eq!(name.row().name, name);
        assert_ne!(name.row().preferred, SchedulerName::Automatic);
    }
}

#[test]
fn every_name_and_alias_is_understood_in_any_case_alone_and_with_every_schedule() {
    for &sampler in SamplerName::ALL {
        for word in std::iter::once(sampler.as_str()).chain(sampler.aliases().iter().copied()) {
            for spelling in [word.to_owned(), word.to_uppercase(), word.to_lowercase(), format!(" {word} ")] {
                assert_eq!(spelling.parse(), Ok(SamplerChoice { sampler, scheduler: None }), "{spelling}");
            }
            for &scheduler in SchedulerName::ALL {
                for ending in std::iter::once(scheduler.as_str()).chain(scheduler.aliases().iter().copied()) {
                    let spelling = format!("{word} {ending}").to_lowercase();
                    assert_eq!(
                        spelling.parse(),
                        Ok(SamplerChoice { sampler, scheduler: Some(scheduler) }),
                        "{spelling}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_spelling_means_two_things() {
    let mut seen = std::collections::HashMap::new();
    for (spelling, choice) in SamplerChoice::spellings() {
        let earlier = seen.insert(spelling.to_lowercase(), choice);
        assert!(earlier.is_none_or(|earlier| earlier == choice), "{spelling}: {earlier:?} and {choice:?}");
    }
}

#[test]
fn the_web_uis_older_names_are_a_sampler_and_a_schedule() {
    for (text, sampler, scheduler) in [
        ("LMS Karras", SamplerName::Lms, SchedulerName::Karras),
        ("k_lms_ka", SamplerName::Lms, SchedulerName::Karras),
        ("k_dpm_2_a_ka", SamplerName::Dpm2A, SchedulerName::Karras),
        ("DPM++ 2S a Karras", SamplerName::DpmPp2SA, SchedulerName::Karras),
        ("k_dpmpp_2m_sde_ka", SamplerName::DpmPp2MSde, SchedulerName::Karras),
        ("k_dpmpp_2m_sde_heun_exp", SamplerName::DpmPp2MSdeHeun, SchedulerName::Exponential),
        ("DPM++ 3M SDE Exponential", SamplerName::DpmPp3MSde, SchedulerName::Exponential),
        ("Euler a SGM Uniform", SamplerName::EulerA, SchedulerName::SgmUniform),
        ("DDIM", SamplerName::Ddim, SchedulerName::Uniform),
    ] {
        assert_eq!(understood(&json!({"sampler_name": text})), (sampler, scheduler), "{text}");
    }
}

#[test]
fn the_field_beats_the_ending_and_automatic_is_what_the_sampler_prefers() {
    let (name, karras) = (SamplerName::DpmPp2M, SchedulerName::Karras);
    assert_eq!(understood(&json!({"sampler_name": "DPM++ 2M"})), (name, karras));
    assert_eq!(understood(&json!({"sampler_name": "DPM++ 2M", "scheduler": "automatic"})), (name, karras));
    let beta = json!({"sampler_name": "DPM++ 2M Karras", "scheduler": "beta"});
    assert_eq!(understood(&beta), (name, SchedulerName::Beta));
    let ending = json!({"sampler_name": "Euler Karras", "scheduler": "Automatic"});
    assert_eq!(understood(&ending), (SamplerName::Euler, karras));
    let sgm = json!({"sampler_name": null, "sampler_index": "Euler a", "scheduler": "sgm_uniform"});
    assert_eq!(understood(&sgm), (SamplerName::EulerA, SchedulerName::SgmUniform));
    assert_eq!(understood(&json!({"sampler_name": "DPM++ 2M SDE"})).1, SchedulerName::Exponential);
}

#[test]
fn a_choice_is_echoed_as_the_web_ui_writes_it_and_read_back() {
    let params = parse(&json!({"sampler_name": "k_dpmpp_2m_ka", "scheduler": "kl_optimal"})).unwrap();
    let echoed = serde_json::to_value(&params).unwrap();
    assert_eq!((&echoed["sampler_name"], &echoed["scheduler"]), (&json!("DPM++ 2M Karras"), &json!("KL Optimal")));
    assert_eq!(serde_json::from_value::<Txt2ImgParams>(echoed).unwrap(), params);
    assert_eq!(params.sampler_choice().to_string(), "DPM++ 2M KL Optimal");
}

#[test]
fn an_unknown_name_is_told_the_known_ones() {
    let refused = parse(&json!({"sampler_name": "DPM++ 4M"})).unwrap_err().to_string();
    assert!(
        refused.starts_with("item.sampler_name is the text \"DPM++ 4M\", but must be one of DPM++ 2M, "),
        "{refused}"
    );
    assert!(SamplerName::ALL.iter().all(|name| refused.contains(name.as_str())), "{refused}");
    let refused = parse(&json!({"scheduler": "Linear"})).unwrap_err().to_string();
    assert!(SchedulerName::ALL.iter().all(|name| refused.contains(name.as_str())), "{refused}");
}

#[test]
fn fewer_steps_than_a_sampler_can_walk_are_refused() {
    let refusal =
        |name: &str, steps: u32| parse(&json!({"sampler_name": name, "steps": steps})).unwrap_err().to_string();
    let sentence = "item.steps is 1, but DDIM needs at least 2; ask for more steps or another sampler.";
    assert_eq!(refusal("DDIM", 1), sentence);
    assert!(refusal("UniPC", 2).contains("UniPC needs at least 3"));
    for &name in SamplerName::ALL {
        assert!(parse(&json!({"sampler_name": name.as_str(), "steps": name.row().steps_min})).is_ok(), "{name}");
    }
}

#[test]
fn what_acts_on_a_sampler_agrees_with_what_it_is() {
    for row in SamplerName::ALL.iter().map(|name| name.row()) {
        assert_eq!(row.churn, row.noise == SamplerNoise::Churn, "{}", row.name);
        assert!(!row.discards_penultimate || row.walks == Walks::Sigmas, "{}", row.name);
        assert!(row.eta != Some(0.0) || row.walks == Walks::TimeSteps, "{}", row.name);
    }
    let brownian = SamplerName::DpmPpSde.row();
    assert!(!brownian.takes_noise_seed_delta() && SamplerName::Lcm.row().takes_noise_seed_delta());
}
