"""CLIP's byte-pair vocabulary, from the merges list that the open_clip package carries.

OpenAI published one file, `bpe_simple_vocab_16e6.txt.gz`; `vocab.json` and `merges.txt` of every CLIP model follow from it.
"""

import gzip
import importlib.util
import json
from pathlib import Path

from transformers import CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

# 49152 ids, less 256 bytes, 256 bytes that end a word and the two specials; line 0 of the file is a version note.
MERGES = 49152 - 256 - 2


def merges():
    package = importlib.util.find_spec("open_clip").submodule_search_locations[0]
    text = gzip.open(Path(package) / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8").read()
    return text.split("\n")[1 : MERGES + 1]


def clip_tokenizer(folder):
    """Writes `vocab.json` and `merges.txt` into the folder and opens them with transformers' own class."""
    lines = merges()
    letters = list(bytes_to_unicode().values())
    words = letters + [letter + "</w>" for letter in letters] + ["".join(line.split()) for line in lines]
    words += ["<|startoftext|>", "<|endoftext|>"]
    assert len(words) == 49408, len(words)
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2"] + lines) + "\n", encoding="utf-8")
    return CLIPTokenizer(folder / "vocab.json", folder / "merges.txt", model_max_length=77)
