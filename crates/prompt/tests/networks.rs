//! Tags of extra networks.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use prompt::networks::{Hypernet, Lora, Network, NetworkError, NetworkTag, cut};

fn only_tag(text: &str) -> NetworkTag {
    let (_, tags) = cut(text);
    let [tag] = tags.try_into().unwrap();
    tag
}

fn lora(text: &str) -> Lora {
    match only_tag(text).read() {
        Ok(Network::Lora(lora)) => lora,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_tag_is_no_text_and_what_stood_around_it_is_joined_as_it_is() {
    let text = "a red cat <lora:nothing:0.8>, castle<hypernet:é>";
    let (rest, tags) = cut(text);
    assert_eq!(rest, "a red cat , castle");
    assert_eq!(tags[0].arguments, ["nothing", "0.8"]);
    assert_eq!(&text[tags[0].span.clone()], "<lora:nothing:0.8>");
    assert_eq!((tags[1].kind.as_str(), &text[tags[1].span.clone()]), ("hypernet", "<hypernet:é>"));
}

#[test]
fn what_only_looks_like_a_tag_stays() {
    for text in ["a < b", "<lora>", "<lora:", "<lora:x", "<:x>", "<lo ra:x>", "<lora:>", "<3 :>", "x > y <", "<>"] {
        assert_eq!(cut(text), (text.to_owned(), vec![]), "{text}");
    }
    assert_eq!(cut("<<a:b>>").0, "<>", "the inner one is a tag");
    assert_eq!(only_tag("<a:b<c:d>").arguments, ["b<c", "d"]);
}

#[test]
fn one_multiplier_is_for_the_text_encoder_and_the_unet() {
    assert_eq!(lora("<lora:oil>"), Lora { name: "oil".into(), text_encoder: 1.0, unet: 1.0, dyn_dim: None });
    assert_eq!(lora("<lyco:oil:-.5>"), Lora { name: "oil".into(), text_encoder: -0.5, unet: -0.5, dyn_dim: None });
    assert_eq!(lora("<lora:oil:0.5:2>"), Lora { name: "oil".into(), text_encoder: 0.5, unet: 2.0, dyn_dim: None });
    assert_eq!(lora("<lora:oil:1:2:8>").dyn_dim, Some(8));
}

#[test]
fn what_is_named_beats_its_place() {
    let named = lora("<lora:oil:unet=0.25:te=0.5:dyn=4>");
    assert_eq!((named.text_encoder, named.unet, named.dyn_dim), (0.5, 0.25, Some(4)));
    let mixed = lora("<lora:oil:te=0.5:2:3:unknown=1>");
    assert_eq!((mixed.text_encoder, mixed.unet), (0.5, 3.0), "2 is the text encoder's place");
    assert_eq!(lora("<lora:oil:te=0.5>").unet, 0.5);
    assert_eq!(lora("<lora:a=b:2>").name, "a=b", "the name comes first, whatever it holds");
}

#[test]
fn a_hypernetwork_has_one_multiplier() {
    let hypernet = |multiplier| Network::Hypernet(Hypernet { name: "oil".into(), multiplier });
    assert_eq!(only_tag("<hypernet:oil>").read().unwrap(), hypernet(1.0));
    assert_eq!(only_tag("<hypernet:oil:0.3>").read().unwrap(), hypernet(0.3));
}

#[test]
fn a_tag_that_asks_for_nothing_there_is_says_so() {
    assert_eq!(only_tag("<LORA:oil>").read(), Err(NetworkError::UnknownKind("LORA".into())));
    assert_eq!(only_tag("<lora::1>").read(), Err(NetworkError::NoName("lora".into())));
    assert_eq!(
        only_tag("<lora:oil:1:much>").read().unwrap_err().to_string(),
        "the prompt's tag <lora:oil:…> has \"much\" for its unet; it should be a number"
    );
    for wrong in ["<lora:oil:nan>", "<lora:oil:inf>", "<lora:oil:1:1:-1>", "<hypernet:oil:1..2>", "<lora:oil:>"] {
        assert!(matches!(only_tag(wrong).read(), Err(NetworkError::NoNumber { .. })), "{wrong}");
    }
}
