//! Which seed an image has.

use txt2img::seeds::resolve;

#[test]
fn minus_one_draws_a_seed_the_web_ui_could_have_drawn_and_others_stay() {
    assert_eq!(resolve(-1, &mut || u64::MAX), u64::MAX % 4_294_967_294);
    assert_eq!(resolve(0, &mut || 77), 0);
    assert_eq!(resolve(4_294_967_295, &mut || 77), 4_294_967_295);
}
