//! The report as a page: what it shows, that it needs nothing but itself, and that it stays small.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use protocol::{FloatKind, Stage, TrainSettings};
use serde_json::{Value, json};
use support::Workshop;
use training::Report;
use training::dataset::{CaptionSource, LeftOut, Role};
use training::exported::ExportedWeights;
use training::fidelity::{Fidelity, PromptFidelity, Scores};
use training::recipe::Recipe;
use training::report::{BeforeAfter, ImageReport, LayoutReport, Learnt, Preview, StageReport, page};
use training::samples::SampleReport;
use training::validation::{MeasuredOn, ValidationPoint};

const HOSTILE: &str = "<script>alert(\"1\")</script> & 'friends'";

fn image(caption: &str) -> ImageReport {
    ImageReport {
        file: format!("{caption}.jpg"),
        caption: caption.into(),
        caption_source: CaptionSource::CaptionFile,
        width: 640,
        height: 480,
        concept: 0,
        role: Role::Instance,
        preview: Preview::of(&RgbImage::from_pixel(640, 480, image::Rgb([90, 120, 30]))),
    }
}

fn stage(stage: Stage, steps: usize) -> StageReport {
    let curve = |scale: f64| (0..steps).map(|step| scale * (1.5 + (step as f64 * 0.7).sin())).collect();
    let point = |step, concept, class| ValidationPoint { step, concept, class: Some(class) };
    StageReport {
        stage,
        steps: steps as u64,
        trained_parameters: 859_520_964,
        losses: curve(0.1),
        gradient_norms: curve(1.0),
        learning_rates: curve(1e-6),
        validation: vec![point(0, 0.20, 0.15), point(steps as u64, 0.15, 0.16)],
        samples: Vec::new(),
        seconds: 100.0,
        its_per_s: 1.0,
        seconds_per_step: 1.0,
        memory_layout: Some(LayoutReport {
            compute: FloatKind::Bf16,
            gradients: FloatKind::Bf16,
            recomputed: true,
            adam_8_bit: true,
            note: Some("Activations are computed again.".into()),
        }),
        peak_rss_bytes: 4_531_000_000,
        peak_device_bytes: None,
    }
}

fn report(settings: Value, steps: usize) -> Report {
    let settings = TrainSettings::parse_alone(settings, "train").unwrap();
    Report {
        base_model: "mini".into(),
        device: "cpu".into(),
        processor: "AVX-512".into(),
        precision: "bf16".into(),
        recipe: Recipe::of(&settings),
        parameters: settings,
        images: vec![image("a dog"), image(HOSTILE)],
        held_out: vec![image("held out")],
        class_images: Vec::new(),
        left_out: vec![LeftOut { name: HOSTILE.into(), role: Role::Instance, reason: "it is torn".into() }],
        remarks: Vec::new(),
        prepare_s: 12.0,
        prepare_peak_rss_bytes: 1_000_000_000,
        stages: vec![stage(Stage::Text, steps), stage(Stage::Unet, steps)],
        exported_weights: ExportedWeights::Last,
        learnt: Some(Learnt {
            concept: BeforeAfter { before: 0.20, after: 0.15 },
            on: MeasuredOn::HeldOut,
            class: Some(BeforeAfter { before: 0.15, after: 0.16 }),
        }),
        fidelity: None,
        export_s: Some(3.0),
        total_s: 220.0,
        resumed: 2,
    }
}

/// The page without sample pictures.
fn shown(report: &Report) -> String {
    page(report, &|_| None)
}

/// Every tag that is opened is closed, in the right order, and no attribute is left open.
fn refuse_unbalanced(page: &str) {
    const EMPTY: [&str; 4] = ["meta", "img", "br", "hr"];
    let mut open: Vec<&str> = Vec::new();
    let body = page.strip_prefix("<!DOCTYPE html>").unwrap();
    for piece in body.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap_or_else(|| panic!("<{piece} has no end"));
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => {
                let name = tag.split(' ').next().unwrap();
                if !EMPTY.contains(&name) {
                    open.push(name);
                }
            }
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn each_stage_has_its_curves() {
    let page = shown(&report(json!({}), 60));
    refuse_unbalanced(&page);
    for stage in ["text", "unet"] {
        for plot in ["loss", "validation", "rate", "gradient"] {
            assert!(page.contains(&format!("aria-labelledby=\"{plot}-{stage}-title {plot}-{stage}-desc\"")), "{plot}");
        }
    }
    assert!(page.contains("The smoothed loss is "));
    assert!(page.contains("<title>Step 60: 0.150</title>"), "a measurement says its number");
}

#[test]
fn what_was_learnt_and_what_it_took_is_said() {
    let page = shown(&report(json!({}), 60));
    for text in [
        "−25.0 %",
        "The concept was learnt",
        "+6.7 %",
        "The class is partly forgotten.",
        "went on from a checkpoint twice",
        "3 min 40 s",
        "4.53 GB",
        "860 million",
        "Activations are computed again.",
        "it is torn",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let mut overfitted = report(json!({}), 60);
    overfitted.stages[1].validation.push(ValidationPoint { step: 60, concept: 0.22, class: None });
    overfitted.learnt =
        Some(Learnt { concept: BeforeAfter { before: 0.20, after: 0.22 }, on: MeasuredOn::HeldOut, class: None });
    let page = shown(&overfitted);
    assert!(page.contains("learnt by heart, or the learning rate is too high"));
    assert!(page.contains("It was best after step 60 of the text stage and has risen since"));
}

#[test]
fn settings_that_were_chosen_come_before_those_at_their_defaults() {
    let page = shown(&report(json!({"unet_seed": 7, "concept_name": "zwx"}), 4));
    let (chosen, usual) = page[page.find("id=\"settings\"").unwrap()..].split_once("<details>").unwrap();
    assert!(chosen.contains("<code>unet_seed</code>") && !usual.contains("<code>unet_seed</code>"));
    assert!(usual.contains("<code>text_seed</code>") && !chosen.contains("<code>text_seed</code>"));
    // What the profile stands for is resolved.
    assert!(usual.contains("<code>text_training</code></th><td>frozen_unet</td>"), "{usual}");
}

#[test]
fn nobodys_words_become_part_of_the_page() {
    let mut hostile = report(json!({"concept_name": HOSTILE, "sample_prompts": [HOSTILE]}), 4);
    hostile.base_model = HOSTILE.into();
    let sample = SampleReport { step: 4, prompt: HOSTILE.into(), seed: 1, file: HOSTILE.into() };
    hostile.stages[1].samples = vec![sample];
    let picture = png();
    for page in [shown(&hostile), page(&hostile, &|_| Some(picture.clone()))] {
        refuse_unbalanced(&page);
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;alert"));
    }
}

#[test]
fn a_page_needs_nothing_but_itself() {
    let page = shown(&report(json!({}), 60));
    for foreign in ["http:", "https:", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,").count(), 3, "a picture of each photo");
}

#[test]
fn a_hundred_thousand_steps_make_a_small_page() {
    let page = shown(&report(json!({}), 100_000));
    refuse_unbalanced(&page);
    assert!(page.len() < 300_000, "{} bytes", page.len());
    for path in page.split("<path").skip(1) {
        let points = path[..path.find('>').unwrap()].matches('L').count();
        assert!(points <= 800, "{points}");
    }
    let many = Report { images: vec![image("a dog"); 1_000], ..report(json!({}), 4) };
    let page = shown(&many);
    assert_eq!(page.matches("<img").count(), 41, "40 of them, and the held-out one");
    assert!(page.contains("And 960 more"));
}

#[test]
fn numbers_that_are_none_leave_a_gap() {
    let mut torn = report(json!({}), 60);
    torn.stages[1].losses[20] = f64::NAN;
    torn.stages[1].gradient_norms = vec![f64::INFINITY; 60];
    torn.stages[0].losses.clear();
    torn.total_s = 0.0;
    let page = shown(&torn);
    refuse_unbalanced(&page);
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

#[test]
fn samples_stand_in_the_order_of_their_steps_and_only_so_many_are_shown() {
    let mut sampled = report(json!({}), 4);
    sampled.stages[1].samples = (1..=100)
        .map(|step| SampleReport { step, prompt: "a dog".into(), seed: 5, file: format!("{step}.png") })
        .collect();
    let picture = png();
    let page = page(&sampled, &|_| Some(picture.clone()));
    let film = &page[page.find("<ol").unwrap()..page.find("</ol>").unwrap()];
    assert_eq!(film.matches("<img").count(), 64);
    assert!(film.contains(">unet 1<") && film.contains(">unet 100<"), "the first and the last among them");
    assert!(page.contains("64 of 100 rounds are shown"));
    assert!(shown(&sampled).contains(">100.png<"), "a picture that cannot be read is named");
}

#[test]
fn how_like_the_concept_pictures_are_is_a_table_of_the_metrics_that_there_are() {
    let dino = |dino| Scores { dino: Some(dino), ..Scores::default() };
    let (before, after) = (dino(0.31), Scores { clip_t: Some(-0.02), ..dino(0.6687) });
    let prompt = PromptFidelity { prompt: HOSTILE.into(), seed: 1, before: Some(before), after };
    let fidelity = Fidelity {
        clip_model: Some(HOSTILE.into()),
        dino_model: Some("dino-vits16".into()),
        photos: 5,
        before: Some(before),
        after,
        among_photos: dino(0.774),
        prompts: vec![prompt],
    };
    let mut judged = report(json!({}), 4);
    judged.judged(Some(fidelity), 7.0);
    assert_eq!(judged.total_s, 227.0);
    let page = shown(&judged);
    refuse_unbalanced(&page);
    let table = &page[page.find("id=\"fidelity\"").unwrap()..];
    let table = &table[..table.find("</section>").unwrap()];
    for text in
        ["0.310", "0.669", "0.774", "CLIP-T", "−0.020", "—", "over 1 prompt and 5 photos", "and dino-vits16 as in"]
    {
        assert!(table.contains(text), "{text} is not in {table}");
    }
    assert!(!table.contains(">CLIP-I<"), "nobody judged that");
    assert!(!shown(&report(json!({}), 4)).contains("CLIP-T"));
    let data = serde_json::to_value(&judged).unwrap();
    assert_eq!(data["fidelity"]["after"], json!({"dino": 0.6687, "clip_t": -0.02}));
}

#[test]
fn the_same_report_makes_the_same_bytes() {
    assert!(shown(&report(json!({}), 60)) == shown(&report(json!({}), 60)));
}

#[test]
fn a_training_reports_on_its_images_its_memory_and_its_time() {
    let mut report = Workshop::new().trained(&json!({})).report;
    let image = &report.images[0];
    assert!(image.width > 0 && image.height > 0 && !image.preview.jpeg().is_empty());
    assert_eq!(image.caption_source, CaptionSource::FileName);
    for stage in &report.stages {
        let layout = stage.memory_layout.as_ref().unwrap();
        assert_eq!((layout.compute, layout.gradients), (FloatKind::Fp32, FloatKind::Fp32));
        assert_eq!(stage.seconds_per_step, stage.seconds / stage.losses.len() as f64);
    }
    let before = report.total_s;
    report.exported(2.0);
    assert_eq!((report.export_s, report.total_s), (Some(2.0), before + 2.0));
    let data = serde_json::to_value(&report).unwrap();
    assert_eq!(data["images"][0]["caption_source"], "file_name");
    assert_eq!(data["images"][0]["role"], "instance");
    assert_eq!(data["stages"][0]["memory_layout"]["compute"], "fp32");
    assert!(data["images"][0].get("preview").is_none(), "pictures are in the page alone");
    refuse_unbalanced(&shown(&report));
}

fn png() -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_pixel(64, 64, image::Rgb([200, 90, 30])).write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}
