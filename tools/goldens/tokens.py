"""Token ids of transformers' CLIPTokenizer (the Python one, ftfy present) for prompts of every kind."""

import tempfile
from pathlib import Path

import ftfy
import regex

from fixtures import MODEL, VERSIONS, save_json
from vocabulary import clip_tokenizer

PROMPTS = [
    # Plain prompts.
    "",
    "a photo of sks dog",
    "a photo of a cat sitting on a table",
    "masterpiece, best quality, 1girl, solo, long hair, looking at viewer",
    "portrait of wixbs person, oil painting, by Rembrandt",
    "wixbs ",
    "ohwx man",
    "zwx",
    "x",
    "A PHOTO OF A DOG",
    "CamelCase and ALLCAPS mIxEd",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    # White space.
    " ",
    "   \t \n ",
    "  leading and trailing  ",
    "many     spaces\tand\ttabs",
    "line one\nline two\r\nline three\rline four",
    "vertical\x0btab form\x0cfeed",
    "no\u00a0break thin\u2009space ideographic\u3000space",
    "zero\u200bwidth\u200bspace",
    "line\u2028separator paragraph\u2029separator next\u0085line",
    "file\x1cseparator unit\x1fseparator",
    # Contractions and apostrophes.
    "don't I'm you're he's we've they'll she'd",
    "DON'T I'M YOU'RE HE'S",
    "rock 'n' roll o'clock '90s",
    "don\u2019t curly \u2018quotes\u2019 \u201cdouble\u201d",
    "'s 't 're 've 'm 'll 'd",
    "the 'test' it'sme x'lly",
    # Digits.
    "1234567890",
    "16:9 aspect ratio 4k 8k 3.14159 -1 +2",
    "model-v1.5 rev_2 h264",
    "x\u00b2 \u00bd \u2167 \u0663\u0664 \u096b \u2460 \uff11\uff12",
    # Punctuation.
    "!@#$%^&*()_+-=[]{}|;':\",./<>?`~\\",
    "...!!! ??? ,,, ;;;",
    "hello,world;foo.bar",
    "(masterpiece:1.2), [old], ((big)) {cute} <lora:foo:0.8>",
    "a, b, c",
    "em\u2014dash en\u2013dash ellipsis\u2026 bullet\u2022",
    "50% off $9.99 \u20ac10 \u00a35 \u00a51000",
    "#hashtag @mention http://example.com/a?b=c&d=e user@example.com",
    "snake_case_name and-hyphen-ated",
    # HTML entities.
    "Tom &amp; Jerry &lt;3 &quot;x&quot;",
    "&eacute;clair &EACUTE; &#233; &#x41;",
    "<b>bold &amp; brave</b>",
    "fish &chips &nosuch; &amp;amp;",
    "&amp;lt;twice&amp;gt;",
    # Accents and letters of other scripts.
    "caf\u00e9 na\u00efve fa\u00e7ade \u00fcber Stra\u00dfe",
    "cafe\u0301 nai\u0308ve (decomposed)",
    "\u00c9COLE \u00c0 L'\u00c9T\u00c9",
    "\u0130stanbul I\u0307 \u0131",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440",
    "\u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac \u03a3\u0391\u03a3 \u03c3\u03c2",
    "\u4e00\u53ea\u732b\u5750\u5728\u684c\u5b50\u4e0a",
    "\u732b\u306e\u5199\u771f\u3001\u30c6\u30b9\u30c8\u3002",
    "\uace0\uc591\uc774 \uc0ac\uc9c4 \u1112\u1161\u11ab",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902",
    "\u0e20\u0e32\u0e1e\u0e41\u0e21\u0e27",
    # Compatibility forms, ligatures, maths letters, mojibake.
    "\uff26\uff55\uff4c\uff4c \uff57\uff49\uff44\uff54\uff48 \uff76\uff80\uff76\uff85",
    "\ufb01ne \ufb02uid e\ufb03cient",
    "\U0001d4d5\U0001d4ea\U0001d4f7\U0001d4ec\U0001d4ff \u210c \u2122 \u2103",
    "sch\u00c3\u00b6n \u00e2\u20ac\u0153quoted\u00e2\u20ac\ufffd",
    "\u00c3\u00a9t\u00c3\u00a9",
    "\u212bngstr\u00f6m \u2126 ohm",
    "\u01c5 \u0149 \u1e9e",
    # Emoji.
    "\U0001f600 smile \u2764\ufe0f heart",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family",
    "\U0001f44d\U0001f3fd thumbs \U0001f1e9\U0001f1ea flag 1\ufe0f\u20e3",
    "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f408\U0001f408\U0001f408",
    # Control characters, terminal escapes, byte order marks.
    "bell\x07 null\x00 del\x7f esc\x1b[31mred\x1b[0m",
    "\ufeffbom first",
    "soft\u00adhyphen \u202ertl override\u202c",
    "c1 \u0080\u0093 controls\u0099",
    "private \ue000 use \U000e0041 tag \ufffc object \ufffd",
    # Special tokens written out.
    "<|startoftext|>hello<|endoftext|>",
    "hello <|endoftext|> world",
    "</w> <w>",
    # Around the limit of 77 tokens.
    " ".join(["cat"] * 74),
    " ".join(["cat"] * 75),
    " ".join(["cat"] * 76),
    ", ".join(["a very detailed photo of a dog"] * 20),
    "\u732b" * 60,
]


def cleaned(text, **options):
    """The text after ftfy, collapsed white space and lower case: what the byte-pair stage sees."""
    return regex.sub(r"\s+", " ", ftfy.fix_text(text, **options)).strip().lower()


def record():
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = clip_tokenizer(Path(folder))
        assert tokenizer.fix_text is not None, "ftfy is missing"
        cases = []
        for text in PROMPTS:
            padded = tokenizer(text, padding="max_length", max_length=77, truncation=True)
            cases.append(
                {
                    "text": text,
                    "cleaned": cleaned(text),
                    # True where ftfy repaired text that had been decoded with the wrong character set.
                    "mojibake": cleaned(text) != cleaned(text, fix_encoding=False),
                    "ids": tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text)),
                    "padded": padded["input_ids"],
                }
            )
        assert len({case["text"] for case in cases}) == len(cases)
    save_json(MODEL / "tokens.json", {"versions": VERSIONS | {"ftfy": ftfy.__version__}, "cases": cases})
