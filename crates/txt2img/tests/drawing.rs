//! A request becomes pictures: `Pipeline::draw` from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Cursor;

use protocol::{JobEvent, Stage};
use serde_json::{Value, json};
use support::studio::{Studio, TIMESTAMP};
use txt2img::Picture;

fn text_of(picture: &Picture) -> String {
    let file = picture.to_png().unwrap();
    let info = png::Decoder::new(Cursor::new(file)).read_info().unwrap().info().clone();
    assert_eq!((info.width, info.height), (picture.width, picture.height));
    info.uncompressed_latin1_text[0].text.clone()
}

#[test]
fn the_same_seed_draws_the_same_bytes_at_any_batch_size_and_in_any_order() {
    let studio = Studio::new();
    for sampler in ["Euler", "Euler a"] {
        let draw = |changes: Value| {
            let mut changes = changes;
            changes["sampler_name"] = sampler.into();
            changes["s_churn"] = 1.0.into();
            studio.pictures(&changes)
        };
        let singles: Vec<Picture> = [14, 13, 12, 11].into_iter().flat_map(|seed| draw(json!({"seed": seed}))).collect();
        for (batch_size, n_iter) in [(4, 1), (1, 4), (2, 2)] {
            let together = draw(json!({"batch_size": batch_size, "n_iter": n_iter}));
            assert!(together.iter().eq(singles.iter().rev()), "{sampler}, {n_iter} batches of {batch_size}");
        }
        let seeds: Vec<u64> = singles.iter().map(|picture| picture.seed).collect();
        assert_eq!(seeds, [14, 13, 12, 11]);
        for (index, picture) in singles.iter().enumerate() {
            assert!(singles[..index].iter().all(|other| other.rgb != picture.rgb), "another seed, another picture");
        }
    }
}

#[test]
fn a_model_opened_anew_draws_the_same_bytes() {
    let [first, again] = [(); 2].map(|()| Studio::new().pictures(&json!({"batch_size": 2})));
    assert!(first.iter().map(|picture| &picture.rgb).eq(again.iter().map(|picture| &picture.rgb)));
}

#[test]
fn what_a_request_asks_for_is_seen_in_the_picture() {
    let studio = Studio::new();
    let plain = &studio.pictures(&json!({}))[0].rgb;
    assert_eq!(plain.len(), 64 * 64 * 3);
    for changes in [
        json!({"prompt": "a cat"}),
        json!({"negative_prompt": "a cat"}),
        json!({"steps": 4}),
        json!({"cfg_scale": 3.0}),
        json!({"sampler_name": "Euler a"}),
        json!({"s_churn": 1.0}),
    ] {
        assert!(studio.pictures(&changes)[0].rgb != *plain, "{changes} changes nothing");
    }
    let wide = &studio.pictures(&json!({"width": 128, "height": 72}))[0];
    assert_eq!((wide.width, wide.height, wide.rgb.len()), (128, 72, 128 * 72 * 3));
}

#[test]
fn no_negative_prompt_is_an_empty_one() {
    let studio = Studio::new();
    let requests = [json!({}), json!({"negative_prompt": null}), json!({"negative_prompt": ""})];
    let [absent, null, empty] = requests.each_ref().map(|changes| studio.pictures(changes));
    assert!(absent == null && null == empty);
    let [absent, null, empty] = requests.each_ref().map(|changes| studio.draw(changes));
    assert!(absent.info == null.info && null.info == empty.info);
    let info: Value = serde_json::from_str(&empty.info).unwrap();
    assert_eq!((&info["negative_prompt"], &info["all_negative_prompts"]), (&json!(""), &json!([""])));
}

#[test]
fn parameters_come_back_with_their_defaults_and_without_what_is_passed_back() {
    let echo = Studio::new().draw(&json!({"negative_prompt": "a cat", "passback": {"order": 5}})).parameters;
    let given = json!({
        "prompt": "a dog", "negative_prompt": "a cat", "seed": 11, "steps": 3, "width": 64, "height": 64,
    });
    let defaults = json!({
        "subseed": -1, "batch_size": 1, "n_iter": 1, "cfg_scale": 7.0, "sampler_name": "Euler", "eta": null, "s_churn": 0.0,
    });
    for (name, value) in given.as_object().unwrap().iter().chain(defaults.as_object().unwrap()) {
        assert_eq!(&echo[name], value, "{name}");
    }
    assert!(echo.get("passback").is_none(), "{echo}");
}

#[test]
fn info_names_the_seed_of_every_image_and_asks_chance_only_for_minus_one() {
    let studio = Studio::new();
    let info = |changes: Value| -> (Value, usize) {
        let session = studio.session(&changes);
        (serde_json::from_str(&session.drawing.unwrap().info).unwrap(), session.draws)
    };
    let (drawn, draws) = info(json!({"seed": -1, "batch_size": 2}));
    assert_eq!((&drawn["seed"], &drawn["all_seeds"]), (&json!(1_000_000), &json!([1_000_000, 1_000_001])));
    assert_eq!((&drawn["subseed"], &drawn["all_subseeds"]), (&json!(1_000_001), &json!([1_000_001, 1_000_002])));
    assert_eq!(draws, 2, "one number for the seed, then one for the variation's");

    let (given, draws) = info(json!({"subseed": 0, "n_iter": 2}));
    assert_eq!((&given["all_seeds"], &given["all_subseeds"]), (&json!([11, 12]), &json!([0, 1])));
    assert_eq!(draws, 0);
    assert_eq!(given["all_prompts"], json!(["a dog", "a dog"]));
    assert_eq!(given["job_timestamp"], TIMESTAMP);
    assert_eq!(given["sd_model_name"], studio.base.name());
    let infotexts = given["infotexts"].as_array().unwrap();
    assert!(infotexts[1].as_str().unwrap().contains("Seed: 12,"), "{infotexts:?}");
}

#[test]
fn a_drawn_seed_draws_the_picture_it_names() {
    let studio = Studio::new();
    let drawn = &studio.pictures(&json!({"seed": -1}))[0];
    assert_eq!(drawn.seed, 1_000_000);
    assert!(*drawn == studio.pictures(&json!({"seed": 1_000_000}))[0]);
}

#[test]
fn each_png_carries_its_own_infotext() {
    let pictures = Studio::new().pictures(&json!({
        "batch_size": 2, "negative_prompt": "a cat", "sampler_name": "Euler a", "eta": 0.5,
    }));
    for (picture, seed) in pictures.iter().zip([11, 12]) {
        let text = text_of(picture);
        assert_eq!(text, picture.infotext);
        let settings = format!("Steps: 3, Sampler: Euler a, CFG scale: 7.0, Seed: {seed}, Size: 64x64, Model: ");
        assert!(text.starts_with(&format!("a dog\nNegative prompt: a cat\n{settings}")), "{text}");
        assert!(text.ends_with(", Eta: 0.5"), "{text}");
    }
}

#[test]
fn every_step_is_told_and_every_picture_handed_out_as_soon_as_it_is_finished() {
    let session = Studio::new().session(&json!({"batch_size": 2, "n_iter": 2}));
    let told: Vec<(u64, u64)> = session
        .events
        .iter()
        .map(|event| match event {
            JobEvent::Step { stage: Stage::Inference, step, total, loss: None, its_per_s, seconds_left } => {
                assert!(its_per_s.is_finite() && *its_per_s > 0.0 && seconds_left.is_finite() && *seconds_left >= 0.0);
                (*step, *total)
            }
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(told, (1..=6).map(|step| (step, 6)).collect::<Vec<_>>());
    let handed_out: Vec<(usize, u64)> =
        session.pictures.iter().map(|(events, picture)| (*events, picture.seed)).collect();
    assert_eq!(handed_out, [(3, 11), (3, 12), (6, 13), (6, 14)], "after its own batch's steps, not after all");
}

#[test]
fn a_prompt_beyond_the_models_sequence_is_cut_with_a_warning() {
    let studio = Studio::new();
    let words = |count: usize| vec!["dog"; count].join(" ");
    let fits = studio.session(&json!({"prompt": words(75)}));
    assert!(!fits.events.iter().any(|event| matches!(event, JobEvent::Warning { .. })));
    let long = studio.session(&json!({"prompt": words(76) + " and a cat", "negative_prompt": words(80)}));
    let warnings: Vec<&str> = long
        .events
        .iter()
        .take_while(|event| !matches!(event, JobEvent::Step { .. }))
        .map(|event| if let JobEvent::Warning { message } = event { message.as_str() } else { panic!("{event:?}") })
        .collect();
    assert_eq!(
        warnings,
        [
            "input.inference[2].negative_prompt has 80 tokens; the model reads the first 75 and the rest was left out.",
            "input.inference[2].prompt has 79 tokens; the model reads the first 75 and the rest was left out.",
        ]
    );
    let cut = studio.pictures(&json!({"prompt": words(75), "negative_prompt": words(75)}));
    assert!(long.pictures[0].1.rgb == cut[0].rgb, "the rest has no influence");
}

#[test]
fn a_model_of_nan_is_a_sentence_and_no_black_picture() {
    for (network, name) in [("unet", "UNet"), ("vae", "VAE")] {
        let session = Studio::broken(network).session(&json!({"n_iter": 2}));
        assert_eq!(
            session.drawing.unwrap_err().to_string(),
            format!(
                "the {name} gave only NaN or infinite values; train with a lower learning rate, or draw with \
                 --precision fp32"
            )
        );
        assert!(session.pictures.is_empty());
    }
}

#[test]
fn the_broken_models_stand_in_for_a_whole_one() {
    let [whole, same] =
        [Studio::new(), Studio::broken("none")].map(|studio| studio.pictures(&json!({}))[0].rgb.clone());
    assert!(whole == same);
}

#[test]
fn a_drawing_is_left_at_the_step_after_it_is_told_to_stop() {
    let session = Studio::new().session_until(&json!({"n_iter": 2}), 4);
    assert!(matches!(session.drawing.unwrap_err(), txt2img::Txt2ImgError::Stopped));
    assert_eq!(session.events.len(), 4, "no step follows");
    assert_eq!(session.pictures.len(), 1, "what was finished before is kept");
}
