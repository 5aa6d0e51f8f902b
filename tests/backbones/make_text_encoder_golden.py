#!/usr/bin/env python3
"""make_text_encoder_golden.py - writes tests/backbones/text_encoders: small text encoders of every family with random weights (F16), as
Hugging Face's transformers saves them, and the vectors that it makes of texts. Their tokenizers are those of tests/text/tokenizers.

Needs the Python packages torch, transformers, tokenizers and safetensors.

    tests/backbones/make_text_encoder_golden.py
"""
import json
import os

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import (BertConfig, BertModel, CLIPTextConfig, CLIPTextModelWithProjection, DistilBertConfig, DistilBertModel, MPNetConfig,
                          MPNetModel, SiglipTextConfig, SiglipTextModel, XLMRobertaConfig, XLMRobertaModel)

here = os.path.dirname(os.path.abspath(__file__))
texts = ["a boat sails in the sun", "A Dog, and the cat doesn't run!", "x", "日本語 é 👍 [MASK] 12", "the ship waits near a lake " * 12]
sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=40)


def make(name, tokenizer_name, model, config, vector, pooling=None, is_unit=False, n_max=None, prompts=None):
    torch.manual_seed(1)
    model = model.eval()
    for p in model.parameters():  # large enough that every part shows in the vector
        p.data = (torch.randn_like(p) * (0.5 if p.dim() > 1 else 0.3) + (1 if p.dim() == 1 and p.mean() == 1 else 0)).half().float()
    folder = os.path.join(here, "text_encoders", name)
    os.makedirs(folder, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in model.state_dict().items() if v.is_floating_point()}, os.path.join(folder, "model.safetensors"))
    json.dump(config, open(os.path.join(folder, "config.json"), "w"), indent=1)
    if pooling:
        os.makedirs(os.path.join(folder, "1_Pooling"), exist_ok=True)
        json.dump(pooling, open(os.path.join(folder, "1_Pooling", "config.json"), "w"))
    if is_unit:
        json.dump([{"type": "sentence_transformers.models." + t} for t in ("Transformer", "Pooling", "Normalize")],
                  open(os.path.join(folder, "modules.json"), "w"))
    if prompts:
        json.dump(prompts, open(os.path.join(folder, "config_sentence_transformers.json"), "w"))
    before = prompts["prompts"][prompts["default_prompt_name"]] if prompts else ""
    tokenizer = Tokenizer.from_file(os.path.join(here, "..", "text", "tokenizers", tokenizer_name + ".json"))
    tokenizer.no_padding()
    if n_max:
        tokenizer.enable_truncation(n_max)
    golden = []
    with torch.no_grad():
        for text in texts:
            v = vector(model, torch.tensor([tokenizer.encode(before + text).ids]))[0]
            if is_unit or name in ("clip", "siglip"):
                v = v / v.norm()
            golden.append({"text": text, "vector": [float("%.9g" % x) for x in v]})
    json.dump({"tokenizer": tokenizer_name, "texts": golden}, open(os.path.join(folder, "golden.json"), "w"))


bert = BertConfig(vocab_size=400, max_position_embeddings=48, pad_token_id=0, **sizes)
mean = lambda m, ids: m(ids).last_hidden_state.mean(1)
make("sentence", "word_piece", BertModel(bert, add_pooling_layer=False), dict(bert.to_dict(), model_type="bert"), mean,
     {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, True, 48)
make("plain", "word_piece", BertModel(bert, add_pooling_layer=False), dict(bert.to_dict(), model_type="bert", hidden_act="gelu"), mean, None, False, 48)
distil = DistilBertConfig(vocab_size=400, max_position_embeddings=48, dim=16, n_layers=2, n_heads=4, hidden_dim=40)
make("distil", "word_piece", DistilBertModel(distil), dict(distil.to_dict(), model_type="distilbert"), mean,
     {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, False, 48)
mpnet = MPNetConfig(vocab_size=400, max_position_embeddings=50, **sizes)


def mpnet_vector(m, ids):  # the reference counts positions by the tokens that are not the one of padding, which the tokenizer here uses
    return m(ids, position_ids=torch.arange(ids.shape[1])[None] + 2).last_hidden_state.mean(1)


make("mpnet", "word_piece", MPNetModel(mpnet, add_pooling_layer=False), dict(mpnet.to_dict(), model_type="mpnet"), mpnet_vector,
     {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, True, 48,
     {"prompts": {"query": "the boat: ", "passage": "x"}, "default_prompt_name": "query"})
xlm = XLMRobertaConfig(vocab_size=300, max_position_embeddings=50, pad_token_id=1, type_vocab_size=1, layer_norm_eps=1e-5, **sizes)
make("first_token", "unigram", XLMRobertaModel(xlm, add_pooling_layer=False), dict(xlm.to_dict(), model_type="xlm-roberta"),
     lambda m, ids: m(ids).last_hidden_state[:, 0], {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, False, 48)
clip = CLIPTextConfig(vocab_size=700, max_position_embeddings=24, projection_dim=12, eos_token_id=1, bos_token_id=0, pad_token_id=1, **sizes)
make("clip", "clip", CLIPTextModelWithProjection(clip), {"model_type": "clip", "projection_dim": 12, "text_config": clip.to_dict()},
     lambda m, ids: m(ids).text_embeds, None, False, 24)
siglip = SiglipTextConfig(vocab_size=540, max_position_embeddings=16, projection_size=16, pad_token_id=1, **sizes)


def siglip_vector(m, ids):
    padded = torch.full((1, 16), 1)
    padded[0, :ids.shape[1]] = ids[0]
    return m(padded).pooler_output


make("siglip", "unigram_bytes", SiglipTextModel(siglip), {"model_type": "siglip", "text_config": siglip.to_dict()}, siglip_vector, None, False, 16)
