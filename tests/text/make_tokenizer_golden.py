#!/usr/bin/env python3
"""make_tokenizer_golden.py - writes tests/text/tokenizers: small tokenizers of every kind, and what the reference makes of texts.

Needs the Python packages tokenizers, sentencepiece and protobuf. Each NAME.json is a tokenizer.json; each line of NAME.golden is a text, as
JSON, and the numbers of its tokens. The texts are made here; their characters are those of Unicode 14, which every ICU in use knows.

    tests/text/make_tokenizer_golden.py [tests/text/tokenizers]
"""
import json
import os
import random
import sys
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

random.seed(3)
nouns = "boat ship dog cat baby infant child tree house street mountain river snow beach sky car horse bird flower table".split()
verbs = "sails runs sleeps stands looks jumps swims waits plays rests".split()
places = "in the sun|near a lake|behind the barn|on wet sand|under clouds|at 7 o'clock|beside 24 others|with two friends".split("|")
corpus = [f"A {a} {v} {p}, and the {b} doesn't ." for a in nouns for v in verbs for p in places for b in nouns[::7]]
corpus += ["Ein Boot fährt über den Fluss", "Une forêt près de l'été", "лодка плывёт по реке", "το πλοίο", "船が海にある", "قارب في البحر",
           "नाव नदी में", "เรือในทะเล", "배가 바다에", "סירה בים"] * 20
pieces = nouns + verbs + ["the ", "A ", " ", "  ", "\t", "\n", "\u3000", "\u00a0", "\u200b", "\u00ad", "\ufeff", "\x07", "\x85", "don't", "I'LL",
                          "we've", "...", "!?", "12", "3.5", "x1y2", "[CLS]", "[MASK]", "<mask>", "</s>", "<unk>", "<|endoftext|>",
                          "<|startoftext|>", "ran", "Dog", "dogs", "é", "e\u0301", "Ångström", "İstanbul", "ß", "ﬁ", "ｆｕｌｌ", "①", "½", "가각",
                          "각", "नमस्ते", "ทะเล", "日本語", "海", "العَرَبِيَّة", "שָׁלוֹם", "ἀρχή", "👨‍👩‍👧", "🏳️‍🌈", "👍🏽", "🇩🇪", "▁", "Ǆ", "ΑΣ",
                          "\ufffd", "\u166d", "\u111c9", "\u1734", "\u0903", "\ua7f2", "a" * 101, "ab" * 40]
assigned = [c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) not in ("Cn", "Co")]


def text():
    kind = random.random()
    if kind < 0.3:
        return random.choice(corpus)
    if kind < 0.85:
        return "".join(random.choice(pieces) + random.choice(["", " "]) for _ in range(random.randrange(1, 9)))
    return "".join(chr(random.choice(assigned)) for _ in range(random.randrange(1, 12)))


def word_piece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=400, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return t


def clip():
    expression = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    t = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(expression), "removed", invert=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=700, end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                      special_tokens=["<|startoftext|>", "<|endoftext|>"]))
    t.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0))
    return t


def byte_level():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=450, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                      special_tokens=["<|endoftext|>"]))
    t.post_processor = processors.ByteLevel()
    return t


def byte_pair():
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    t.normalizer = normalizers.NFKC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.Digits(individual_digits=True),
                                               pre_tokenizers.Punctuation("merged_with_next")])
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=300, limit_alphabet=60, special_tokens=["<unk>", "<mask>"]))
    t.add_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("Dog", single_word=True, normalized=True),
                  AddedToken("ran", rstrip=True, lstrip=True, normalized=False)])
    return t


def unigram():
    with tempfile.TemporaryDirectory() as folder:
        lines, rules, prefix = (os.path.join(folder, name) for name in ("lines", "rules", "model"))
        open(lines, "w").write("\n".join(corpus))
        rule = [("①", "1"), ("½", "1/2"), ("ﬁ", "fi"), ("\u3000", " "), ("\u00a0", " "), ("e\u0301", "é"), ("ｆ", "f"), ("ｕ", "u"), ("ｌ", "l"), ("\u200b", "")]
        open(rules, "w").write("".join("%s\t%s\n" % tuple(" ".join("%X" % ord(c) for c in part) for part in pair) for pair in rule))
        sentencepiece.SentencePieceTrainer.train(input=lines, model_prefix=prefix, vocab_size=280, model_type="unigram", character_coverage=0.98,
                                                 normalization_rule_tsv=rules, hard_vocab_limit=False, minloglevel=2)
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString(open(prefix + ".model", "rb").read())
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(p.piece, p.score) for p in model.pieces[3:]] + [("<mask>", 0.0)]
    t = Tokenizer(models.Unigram(vocabulary, 3))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap),
                                         normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    t.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True, normalized=True)])
    return t


def unigram_bytes():
    t = unigram()
    model = json.loads(t.to_str())["model"]
    vocabulary = [tuple(entry) for entry in model["vocab"]] + [("<0x%02X>" % b, -20.0) for b in range(256)]
    t = Tokenizer(models.Unigram(vocabulary, 3, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(Regex(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"), ""),
                                         normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(), normalizers.NFKD(),
                                         normalizers.StripAccents()])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    t.add_special_tokens(["</s>", "<pad>"])
    return t


folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "tokenizers")
os.makedirs(folder, exist_ok=True)
for make in (word_piece, clip, byte_level, byte_pair, unigram, unigram_bytes):
    t = make()
    name = os.path.join(folder, make.__name__)
    object = json.loads(t.to_str())
    json.dump(object, open(name + ".json", "w"), ensure_ascii=False, separators=(",", ":"))
    with open(name + ".golden", "w") as golden:
        for _ in range(120):
            s = text()
            golden.write(json.dumps({"text": s, "ids": t.encode(s).ids}, ensure_ascii=True, separators=(",", ":")) + "\n")
