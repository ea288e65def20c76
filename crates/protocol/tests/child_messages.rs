//! Every line that crosses the wire between the supervisor and its child, letter by letter, there and back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;

use protocol::child::{FidelityModels, TrainAssignment};
use protocol::{
    ArtifactKey, ArtifactRef, Assignment, ChildMessage, Failure, FailureCode, FileContent, ImagesOutput, JobEvent,
    JobOutput, JobRequest, MadeFile, Stage, SupervisorMessage, TrainOutput,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

#[track_caller]
fn is_line<T: Serialize + DeserializeOwned + PartialEq + Debug>(message: &T, line: &str) {
    assert_eq!(serde_json::to_string(message).unwrap(), line);
    assert_eq!(&serde_json::from_str::<T>(line).unwrap(), message);
}

#[test]
fn the_child_says_that_it_is_ready_or_cannot_begin() {
    is_line(&ChildMessage::Ready { device: "cuda:0".into() }, r#"{"message":"ready","content":{"device":"cuda:0"}}"#);
    is_line(
        &ChildMessage::Unable(Failure::new(FailureCode::DeviceUnavailable, "There is no GPU.")),
        r#"{"message":"unable","content":{"code":"device_unavailable","blame":"machine","sentence":"There is no GPU."}}"#,
    );
}

#[test]
fn the_child_says_that_a_job_failed_or_was_left() {
    is_line(
        &ChildMessage::Failed(Failure::new(FailureCode::DataNoImages, "The zip holds no images.")),
        r#"{"message":"failed","content":{"code":"data_no_images","blame":"owner","sentence":"The zip holds no images."}}"#,
    );
    is_line(&ChildMessage::Stopped, r#"{"message":"stopped"}"#);
}

#[test]
fn the_child_names_each_file_when_it_is_finished() {
    let cases = [
        (FileContent::Preview { item: 0, step: 5 }, r#""kind":"preview","item":0,"step":5"#),
        (FileContent::Sample { stage: Stage::Unet, step: 100 }, r#""kind":"sample","stage":"unet","step":100"#),
        (FileContent::Checkpoint { stage: Stage::Text, step: 9 }, r#""kind":"checkpoint","stage":"text","step":9"#),
        (
            FileContent::Image { item: 0, index: 1, seed: 4_294_967_295 },
            r#""kind":"image","item":0,"index":1,"seed":4294967295"#,
        ),
        (FileContent::Model, r#""kind":"model""#),
        (FileContent::Report, r#""kind":"report""#),
    ];
    for (content, fields) in cases {
        is_line(
            &ChildMessage::File(MadeFile { file: "a.png".into(), content: content.clone() }),
            &format!(r#"{{"message":"file","content":{{"file":"a.png",{fields}}}}}"#),
        );
        let artifact = ArtifactKey::new(&"job-1".parse().unwrap(), 1, "a.png").unwrap();
        is_line(
            &JobEvent::File { file: ArtifactRef { artifact }, content },
            &format!(r#"{{"event":"file","file":{{"artifact":"job-1/1/a.png"}},{fields}}}"#),
        );
    }
}

#[test]
fn the_child_names_all_files_it_made_in_the_end() {
    let output = JobOutput {
        inference: vec![ImagesOutput {
            images: vec!["0-0.png".to_owned()],
            parameters: json!({"steps": 4}),
            info: "{}".into(),
            passback: None,
        }],
        train: Some(TrainOutput {
            checkpoint: Some("job-1.ckpt".into()),
            safetensors: "job-1.safetensors".into(),
            diffusers: None,
            report: "train.json".into(),
            report_page: "train.html".into(),
        }),
    };
    is_line(
        &ChildMessage::Done(output),
        r#"{"message":"done","content":{"inference":[{"images":["0-0.png"],"parameters":{"steps":4},"info":"{}","passback":null}],"train":{"checkpoint_url":"job-1.ckpt","safetensors_url":"job-1.safetensors","report_url":"train.json","report_page_url":"train.html"}}}"#,
    );
    is_line(&ChildMessage::Done(JobOutput::default()), r#"{"message":"done","content":{}}"#);
}

#[test]
fn the_supervisor_tells_the_child_how_to_leave_a_job() {
    is_line(&SupervisorMessage::FinishSoon, r#"{"command":"finish_soon"}"#);
    is_line(&SupervisorMessage::Cancel, r#"{"command":"cancel"}"#);
    is_line(&SupervisorMessage::End, r#"{"command":"end"}"#);
}

#[test]
fn the_child_reports_every_kind_of_event() {
    let step = |loss| JobEvent::Step { stage: Stage::Unet, step: 3, total: 6, loss, its_per_s: 1.5, seconds_left: 2.0 };
    let cases = [
        (JobEvent::Stage { stage: Stage::Text }, r#""event":"stage","stage":"text""#),
        (
            step(Some(0.125)),
            r#""event":"step","stage":"unet","step":3,"total":6,"loss":0.125,"its_per_s":1.5,"seconds_left":2.0"#,
        ),
        (step(None), r#""event":"step","stage":"unet","step":3,"total":6,"its_per_s":1.5,"seconds_left":2.0"#),
        (
            JobEvent::Warning { message: "One photo is very small.".into() },
            r#""event":"warning","message":"One photo is very small.""#,
        ),
        (
            JobEvent::AttemptLost { attempt: 1, message: "The worker went away.".into() },
            r#""event":"attempt_lost","attempt":1,"message":"The worker went away.""#,
        ),
    ];
    for (event, fields) in cases {
        is_line(&event, &format!("{{{fields}}}"));
        is_line(&ChildMessage::Event(event), &format!(r#"{{"message":"event","content":{{{fields}}}}}"#));
    }
}

#[test]
fn estimates_without_bound_arrive_as_zero() {
    let event = JobEvent::Step {
        stage: Stage::Text,
        step: 1,
        total: 2,
        loss: Some(f64::NAN),
        its_per_s: f64::INFINITY,
        seconds_left: f64::NAN,
    };
    let line = serde_json::to_string(&event).unwrap();
    let expected =
        JobEvent::Step { stage: Stage::Text, step: 1, total: 2, loss: None, its_per_s: 0.0, seconds_left: 0.0 };
    assert_eq!(serde_json::from_str::<JobEvent>(&line).unwrap(), expected);
}

#[test]
fn the_supervisor_sends_a_whole_job_in_one_line() {
    let body = json!({"input": {
        "train": {"data_url": "https://photos.example/dog.zip"},
        "inference": [{"prompt": "line one\nline two"}],
    }});
    let settings = JobRequest::parse(body).unwrap().settings;
    let assignment = Assignment {
        job: "job-1".parse().unwrap(),
        model: "mini".into(),
        train: Some(TrainAssignment {
            settings: settings.train.unwrap(),
            images_dir: "/data/images".into(),
            checkpoint_steps: None,
            fidelity: FidelityModels { clip_dir: Some("/models/clip".into()), dino_dir: None },
            class_images_dir: None,
            class_cache_dir: None,
        }),
        inference: settings.inference,
        out_dir: "/data/out".into(),
        scratch_dir: "/data/scratch".into(),
    };
    is_line(
        &SupervisorMessage::Run(Box::new(assignment)),
        concat!(
            r#"{"command":"run","job":"job-1","model":"mini","train":{"settings":{"#,
            r#""concept_name":null,"offset_noise":false,"pndm_scheduler":false,"text_steps":350,"text_seed":555,"text_batch_size":1,"text_resolution":512,"#,
            r#""text_learning_rate":1e-6,"text_lr_scheduler":"linear","text_8_bit_adam":false,"#,
            r#""unet_seed":555,"unet_batch_size":1,"unet_resolution":512,"unet_epochs":150,"#,
            r#""unet_learning_rate":2e-6,"unet_lr_scheduler":"linear","unet_8_bit_adam":false,"#,
            r#""profile":"recommended","text_training":null,"caption_padding":null,"verbatim_concept_name":null,"#,
            r#""caption_files":null,"exif_orientation":null,"crop":null,"crops_per_image":null,"#,
            r#""aspect_ratio_buckets":false,"horizontal_flip":false,"frozen_batches":null,"latent_scaling_factor":null,"#,
            r#""offset_noise_strength":0.1,"network":"full","lora_rank":16,"lora_alpha":null,"class_prompt":null,"#,
            r#""num_class_images":100,"prior_loss_weight":1.0,"min_snr_gamma":null,"ema_decay":null,"#,
            r#""held_out_images":0,"validation_steps":null,"sample_steps":null,"sample_prompts":[],"precision":null,"#,
            r#""gradient_precision":null,"gradient_checkpointing":null,"gradient_accumulation_steps":1,"#,
            r#""adam_8_bit_block_size":null,"ckpt_ema":false,"export_diffusers":false,"concepts":[]},"#,
            r#""images_dir":"/data/images","class_images_dir":null,"class_cache_dir":null,"checkpoint_steps":null,"#,
            r#""fidelity":{"clip_dir":"/models/clip","dino_dir":null}},"#,
            r#""inference":[{"enable_hr":false,"denoising_strength":0.0,"firstphase_width":0,"firstphase_height":0,"#,
            r#""hr_scale":2.0,"hr_upscaler":null,"hr_second_pass_steps":0,"hr_resize_x":0,"hr_resize_y":0,"#,
            r#""prompt":"line one\nline two","styles":[],"seed":-1,"subseed":-1,"subseed_strength":0.0,"#,
            r#""seed_resize_from_h":-1,"seed_resize_from_w":-1,"sampler_name":"Euler","scheduler":null,"batch_size":1,"n_iter":1,"#,
            r#""steps":50,"cfg_scale":7.0,"width":512,"height":512,"restore_faces":false,"tiling":false,"#,
            r#""negative_prompt":null,"eta":null,"s_churn":0.0,"s_tmax":null,"s_tmin":0.0,"s_noise":1.0,"#,
            r#""sampler_index":"Euler","script_name":null,"passback":null}],"out_dir":"/data/out","scratch_dir":"/data/scratch"}"#,
        ),
    );
}
