/* transformer.h - the blocks that encoders of pictures and of texts are made of (Vaswani et al. 2017), and their weights in published files.
 *
 * A text encoder with BERT's blocks, from ids and presence (nn/graph/tokens.h) to a vector, a text for itself (text_form.h packs several):
 *
 *     static const adah_transformer bert = {.n_layers = 6, .n_channels = 384, .n_heads = 12, .n_hidden = 1536, .is_post_norm = 1,
 *                                           .gelu = ADAH_GELU_EXACT, .epsilon = 1e-12f};
 *     x = adah_graph_add_rows(g, adah_graph_embedding(g, ids, table), positions);
 *     x = adah_transformer_norm(b, "text.encoder.norm", x, bert.epsilon, group);
 *     x = adah_transformer_blocks(b, "text.encoder.blocks", &bert, x, presence, group);
 *     y = adah_graph_pool_rows(g, x, presence, ADAH_ROW_MEAN);
 *
 * and then, once the parameters are there,
 *
 *     adah_transformer_load(parameters, "text.encoder.blocks", &bert, "encoder.layer.", &adah_transformer_names_bert, weights, status)
 *
 * fills the blocks from a file of Hugging Face transformers. CLIP's text encoder has adah_transformer_names_clip, is_causal, ADAH_GELU_QUICK,
 * a norm behind the blocks, and takes ADAH_ROW_LAST; SigLIP's the same names, ADAH_GELU_TANH, no presence. What of BERT's embeddings is the
 * same for every token (the type) belongs to the positions' rows, added when loading. */
#ifndef ADAH_BACKBONES_TRANSFORMER_H
#define ADAH_BACKBONES_TRANSFORMER_H

#include "backbones/builder.h"
#include "files/weights.h"
#include "nn/graph/tokens.h"

typedef struct adah_transformer {
    size_t n_layers, n_channels, n_heads, n_hidden;
    int is_post_norm; /* x = norm(x + f(x)), as BERT; else x = x + f(norm(x)), as ViT and CLIP */
    int is_causal;
    int is_packed; /* presence holds numbers of texts side by side (adah_graph_attention) */
    size_t n_distant; /* scores have a part that follows from how far apart rows are, for up to so many; 0: none */
    adah_gelu gelu;
    float epsilon; /* of the norms */
} adah_transformer;

/* Block `number`, and all of them. x, and what they give: (B, P, C). presence: (B, P) or NULL. Parameters, of `group`, are
 * "<prefix>.<number>." and norm1, attention (3 C, C), projection, norm2, up, down, each with .weight and .bias, and, for all of them,
 * "<prefix>.distance" where n_distant is not 0. */
adah_node *adah_transformer_block(adah_builder *b, const char *prefix, size_t number, const adah_transformer *t, adah_node *x,
                                  adah_node *presence, unsigned group);
adah_node *adah_transformer_blocks(adah_builder *b, const char *prefix, const adah_transformer *t, adah_node *x, adah_node *presence,
                                   unsigned group);
/* Parts: a linear layer over the last dimension with "<prefix>.weight" and, if has_bias, ".bias"; a layer norm. */
adah_node *adah_transformer_linear(adah_builder *b, const char *prefix, adah_node *x, size_t n_out, int has_bias, unsigned group);
adah_node *adah_transformer_norm(adah_builder *b, const char *prefix, adah_node *x, float epsilon, unsigned group);

/* What a block's tensors are called behind "<prefix><number>.", up to "weight" and "bias". Layer scale (Touvron et al. 2021) is folded into
 * the layers before it. */
typedef struct adah_transformer_names {
    const char *norm1, *query, *key, *value, *projection; /* key and value NULL: query is all three, one after the other */
    const char *norm2, *up, *down;
    const char *scale1, *scale2; /* whole names, (C); NULL: none */
} adah_transformer_names;

extern const adah_transformer_names adah_transformer_names_bert;        /* Hugging Face: BERT and its family, "encoder.layer." */
extern const adah_transformer_names adah_transformer_names_distilbert;  /* Hugging Face: DistilBERT, "transformer.layer." */
extern const adah_transformer_names adah_transformer_names_mpnet;       /* Hugging Face: MPNet, "encoder.layer." */
extern const adah_transformer_names adah_transformer_names_clip;        /* Hugging Face: CLIP and SigLIP, "text_model.encoder.layers." */
extern const adah_transformer_names adah_transformer_names_vit;         /* Hugging Face: ViT and DeiT, "encoder.layer." */
extern const adah_transformer_names adah_transformer_names_dinov2;      /* Hugging Face: DINOv2, "encoder.layer." */
extern const adah_transformer_names adah_transformer_names_timm;        /* "blocks." */
extern const adah_transformer_names adah_transformer_names_timm_scaled; /* with layer scale; facebookresearch's DINOv2 as well */
extern const adah_transformer_names adah_transformer_names_openai;      /* CLIP as OpenAI published it, "transformer.resblocks." */
extern const adah_transformer_names adah_transformer_names_torchvision; /* "encoder.layers.encoder_layer_" */

/* Fills the parameters of the blocks from a file. Every tensor must be there with its exact shape; the error (MISMATCH) names it. */
adah_code adah_transformer_load(const adah_parameters *parameters, const char *prefix, const adah_transformer *t, const char *source,
                                const adah_transformer_names *names, const adah_weights *weights, adah_status *status);

/* For what surrounds the blocks: fills a parameter from tensor `name`, of its shape or of `shape` where the same values in the same order have
 * another one there (n_dims 0: its own). A parameter that the model does not have is left alone. */
adah_code adah_transformer_load_one(const adah_parameters *parameters, const char *parameter, const char *name, adah_shape shape,
                                    const adah_weights *weights, adah_status *status);

#endif
