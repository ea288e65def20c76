//! What the text encoder gets.

mod support;

use prompt::Language;
use prompt::chunks::{CHUNK_LENGTH, Chunk, Chunker, Embeddings, Replaced, level};
use prompt::emphasis::{EmphasisMode, Fragment, fragments};
use support::{BEGIN, COMMA, END, Words, token};

fn chunks_with(text: &str, embeddings: &Embeddings, comma_padding_backtrack: usize) -> Vec<Chunk> {
    let chunker = Chunker { tokenizer: &Words, embeddings, comma_padding_backtrack };
    chunker.chunks(&fragments(text, EmphasisMode::Original))
}

fn chunks(text: &str) -> Vec<Chunk> {
    chunks_with(text, &Embeddings::default(), 20)
}

/// The chunk's tokens before its filling.
fn tokens(chunk: &Chunk) -> &[i64] {
    assert_eq!((chunk.ids[0], chunk.ids[CHUNK_LENGTH - 1]), (BEGIN, END));
    let end = chunk.ids.iter().position(|&id| id == END).unwrap_or(CHUNK_LENGTH);
    assert!(chunk.ids[end..].iter().all(|&id| id == END), "the filling is at the end");
    &chunk.ids[1..end]
}

fn lengths(chunks: &[Chunk]) -> Vec<usize> {
    chunks.iter().map(|chunk| tokens(chunk).len()).collect()
}

/// `count` words, different ones.
fn words(count: usize) -> String {
    (0..count).map(|index| format!("w{index} ")).collect()
}

#[test]
fn a_chunk_is_begin_tokens_and_as_many_ends_as_it_takes() {
    let [chunk] = <[_; 1]>::try_from(chunks("a, (cat:1.5)")).expect("one chunk");
    assert_eq!(tokens(&chunk), [token("a"), COMMA, token("cat")]);
    assert_eq!(chunk.weights[..5], [1.0, 1.0, 1.0, 1.5, 1.0]);
    assert!(chunk.weights[4..].iter().all(|&weight| weight == 1.0));
}

#[test]
fn no_text_is_one_chunk() {
    assert_eq!(chunks(""), [Chunk::empty(&Words)]);
    assert_eq!(chunks(" ()"), [Chunk::empty(&Words)]);
}

#[test]
fn a_chunk_holds_75_tokens() {
    assert_eq!(lengths(&chunks(&words(75))), [75]);
    assert_eq!(lengths(&chunks(&words(76))), [75, 1]);
    assert_eq!(lengths(&chunks(&words(151))), [75, 75, 1]);
}

#[test]
fn a_full_chunk_ends_behind_a_near_comma() {
    // The comma is token 59 of 75, so behind it and with it are 16.
    let text = format!("{}, {}", words(59), words(30));
    assert_eq!(lengths(&chunks(&text)), [60, 30]);
    assert_eq!(lengths(&chunks_with(&text, &Embeddings::default(), 16)), [60, 30]);
    assert_eq!(lengths(&chunks_with(&text, &Embeddings::default(), 15)), [75, 15]);
    assert_eq!(lengths(&chunks_with(&text, &Embeddings::default(), 0)), [75, 15]);
}

#[test]
fn a_comma_is_near_within_20_tokens() {
    let with_comma_at = |index: usize| format!("{}, {}", words(index), words(80 - index));
    assert_eq!(lengths(&chunks(&with_comma_at(55))), [56, 25]);
    assert_eq!(lengths(&chunks(&with_comma_at(54))), [75, 6]);
    assert_eq!(lengths(&chunks(&with_comma_at(74))), [75, 6], "nothing is behind it");
    assert_eq!(lengths(&chunks(&with_comma_at(75))), [75, 6], "it opens the next chunk");
}

#[test]
fn a_text_that_just_fits_is_not_cut() {
    assert_eq!(lengths(&chunks(&format!("{}, {}", words(60), words(14)))), [75]);
    assert_eq!(lengths(&chunks(&format!("{}, {},", words(60), words(14)))), [75, 1], "a comma cuts nothing");
}

#[test]
fn weights_move_with_their_tokens() {
    let chunks = chunks(&format!("{}, (x y:1.5) {}", words(70), words(10)));
    assert_eq!(lengths(&chunks), [71, 12]);
    assert_eq!(chunks[1].ids[1..3], [token("x"), token("y")]);
    assert_eq!(chunks[1].weights[..4], [1.0, 1.5, 1.5, 1.0]);
    assert!(chunks[0].weights.iter().all(|&weight| weight == 1.0));
}

#[test]
fn break_ends_a_chunk_even_an_empty_one() {
    assert_eq!(lengths(&chunks("a cat BREAK a dog")), [2, 2]);
    assert_eq!(lengths(&chunks("BREAK a cat")), [0, 2], "a leading one counts");
    assert_eq!(lengths(&chunks("a cat BREAK")), [2], "a trailing one does not");
    assert_eq!(lengths(&chunks("a BREAK BREAK b")), [1, 0, 1]);
    assert_eq!(lengths(&chunks("BREAK")), [0]);
    assert_eq!(chunks("(a BREAK b:1.2)")[0].ids[1..4], [token("a"), token("BREAK"), token("b")]);
}

#[test]
fn a_comma_before_a_break_is_forgotten() {
    let text = format!("a, BREAK {}", words(76));
    assert_eq!(lengths(&chunks(&text)), [2, 75, 1]);
}

#[test]
fn an_embedding_stands_where_its_name_was() {
    let embeddings = Embeddings::new(&Words, [("style", 3), ("my style", 2)]);
    let [chunk] = <[_; 1]>::try_from(chunks_with("a (style:1.5), my style", &embeddings, 20)).expect("one chunk");
    assert_eq!(tokens(&chunk), [token("a"), 0, 0, 0, COMMA, 0, 0]);
    assert_eq!(chunk.replaced, [Replaced { position: 2, embedding: 0 }, Replaced { position: 6, embedding: 1 }]);
    assert_eq!(chunk.weights[1..6], [1.0, 1.5, 1.5, 1.5, 1.0]);
}

#[test]
fn the_longest_of_names_with_one_beginning_is_meant() {
    let embeddings = Embeddings::new(&Words, [("red", 1), ("red cat", 1), ("red cat old", 1)]);
    let chunk = &chunks_with("red cat, red dog, red cat old", &embeddings, 20)[0];
    let found: Vec<_> = chunk.replaced.iter().map(|replaced| replaced.embedding).collect();
    assert_eq!(found, [1, 0, 2]);
    assert_eq!(chunks_with("red (cat)", &embeddings, 20)[0].replaced.len(), 1, "a name is within one fragment");
}

#[test]
fn an_embedding_that_does_not_fit_begins_a_chunk() {
    let embeddings = Embeddings::new(&Words, [("style", 3), ("whole", 75)]);
    let chunks = chunks_with(&format!("{}style whole a", words(73)), &embeddings, 20);
    assert_eq!(lengths(&chunks), [73, 3, 75, 1]);
    assert_eq!(chunks[1].replaced, [Replaced { position: 1, embedding: 0 }]);
    assert_eq!(chunks[2].replaced, [Replaced { position: 1, embedding: 1 }]);
}

#[test]
fn an_embedding_behind_a_comma_moves_with_its_tokens() {
    let embeddings = Embeddings::new(&Words, [("early", 1), ("style", 3)]);
    let chunks = chunks_with(&format!("early {}, x style {}", words(65), words(10)), &embeddings, 20);
    assert_eq!(lengths(&chunks), [67, 14]);
    assert_eq!(chunks[0].replaced, [Replaced { position: 1, embedding: 0 }]);
    assert_eq!(chunks[1].replaced, [Replaced { position: 2, embedding: 1 }]);
    assert_eq!(chunks[1].ids[1..5], [token("x"), 0, 0, 0]);
}

#[test]
fn an_embedding_that_fits_no_chunk_or_has_no_name_is_text() {
    let embeddings = Embeddings::new(&Words, [("huge", 76), ("none", 0), ("", 1), ("fits", 1)]);
    let chunk = &chunks_with("huge none fits", &embeddings, 20)[0];
    assert_eq!(chunk.replaced, [Replaced { position: 3, embedding: 3 }]);
}

#[test]
fn texts_that_go_together_are_equally_long() {
    let mut texts = vec![chunks("a"), chunks(&words(80))];
    level(&mut texts, &Words);
    assert_eq!(texts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(texts[0][1], Chunk::empty(&Words));
    let language = Language { comma_padding_backtrack: 0, emphasis: EmphasisMode::None, ..Language::default() };
    let texts =
        language.chunks(&["(a)".into(), format!("{}, {}", words(70), words(10))], &Words, &Embeddings::default());
    assert_eq!(texts.iter().map(|chunks| lengths(chunks)).collect::<Vec<_>>(), [[1, 0], [75, 6]]);
    assert!(language.chunks(&[], &Words, &Embeddings::default()).is_empty());
}

#[test]
fn fragments_are_tokenized_one_by_one() {
    let halves = ["un", "known"].map(|text| Fragment::Text { text: text.into(), weight: 1.0 });
    let chunker = Chunker { tokenizer: &Words, embeddings: &Embeddings::default(), comma_padding_backtrack: 20 };
    assert_eq!(tokens(&chunker.chunks(&halves)[0]), [token("un"), token("known")]);
}
