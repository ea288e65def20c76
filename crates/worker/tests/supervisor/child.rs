//! What the supervisor tells its child.

use protocol::{JobStatus, SupervisorMessage};
use serde_json::json;

use crate::site::Site;

#[tokio::test]
async fn the_child_is_told_settings_and_paths_and_no_secret() {
    let site = Site::new().await;
    let script = r#"
        ready
        while read -r line; do
          case "$line" in
            *'"command":"run"'*)
              printf '%s' "$line" > "$SITE/assignment"
              out=$(printf '%s' "$line" | sed 's/.*"out_dir":"\([^"]*\)".*/\1/')
              echo picture > "$out/0-0.png"; done_with 0-0.png ;;
            *'"command":"end"'*) exit 0 ;;
          esac
        done"#;
    let job = site.submit_as(json!({"inference": [{"prompt": "a dog", "passback": 5}]}), None).await;
    let working = site.work(script);
    site.until_status(&job, JobStatus::Completed).await;
    working.stop().await;
    let told = std::fs::read_to_string(site.path("assignment")).unwrap();
    let SupervisorMessage::Run(assignment) = serde_json::from_str(&told).unwrap() else { panic!("{told}") };
    assert_eq!((assignment.job.clone(), assignment.model.as_str()), (job.clone(), "mini"));
    assert_eq!(assignment.out_dir, site.job_dir(&job).join("out"));
    assert_eq!(assignment.scratch_dir, site.job_dir(&job).join("scratch"));
    assert_eq!(assignment.inference[0].prompt, "a dog");
}
