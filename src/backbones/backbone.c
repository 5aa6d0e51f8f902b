/* backbone.c - the table of networks, what they want of the settings, and their weight files. To add a network, write its file and
 * name it in BACKBONES. */
#include "backbones/backbone.h"
#include "backbones/attention_pool.h"
#include "backbones/vision.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define TRANSFORMERS(ROW)                                                                                              \
    ROW(vit_s_16) ROW(vit_b_16) ROW(vit_b_32) ROW(deit_s_16) ROW(deit_b_16) ROW(dinov2_s_14) ROW(dinov2_b_14)          \
    ROW(clip_vit_b_32) ROW(clip_vit_b_16) ROW(clip_vit_l_14) ROW(siglip_b_16)
#define BACKBONES(ROW)                                                          \
    ROW(small)                                                                  \
    ROW(squeezenet1_0) ROW(squeezenet1_1) ROW(mobilenet_v2) ROW(mobilenet_v3_large) \
    ROW(vgg16) ROW(vgg19) ROW(cnn_f)                                            \
    ROW(resnet18) ROW(resnet50) ROW(convnext_tiny) ROW(clip_resnet50)           \
    ROW(efficientnet_lite0) ROW(efficientnet_lite1) ROW(efficientnet_lite2)     \
    ROW(efficientnet_lite3) ROW(efficientnet_lite4) ROW(efficientnet_b0)      \
    TRANSFORMERS(ROW)

#define ROW(name) extern const adah_backbone adah_backbone_##name;
BACKBONES(ROW)
#undef ROW
static const adah_backbone none = {.name = "none", .n_side = 224, .n_side_min = 16}; /* the images are given as features */

#define ROW(name) &adah_backbone_##name,
static const adah_backbone *const backbones[] = {BACKBONES(ROW) &none};
#undef ROW
enum { N_BACKBONES = sizeof backbones / sizeof *backbones - 1 }; /* nobody is told to choose "none" */

const adah_backbone *adah_backbone_at(int i) { return i < N_BACKBONES ? backbones[i] : NULL; }

const adah_backbone *adah_backbone_find(const char *name) {
    for (int i = 0; i <= N_BACKBONES; i++)
        if (!strcmp(backbones[i]->name, name))
            return backbones[i];
    return NULL;
}

#define ROW(name) "|" #name
const char *adah_backbone_names(void) { return &BACKBONES(ROW)[1]; }
#undef ROW

adah_code adah_backbone_preset(const char *preset, const char *backbone_name, adah_settings *config, adah_status *status) {
    const adah_backbone *backbone = adah_backbone_find(backbone_name);
    if (!backbone)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "unknown backbone \"%s\", expected one of %s", backbone_name,
                         adah_backbone_names());
    adah_settings c;
    ADAH_TRY(adah_settings_preset(preset, &c, status));
    strcpy(c.backbone, backbone->name);
    c.n_side = backbone->n_side;
    if (backbone != &none && !backbone->from_scratch) {
        c.image_filter = ADAH_IMAGE_AS_SOURCE;
        c.image_crop = ADAH_IMAGE_CROP_AS_SOURCE;
    }
    if (backbone->settings)
        ADAH_TRY(adah_settings_change(&c, backbone->settings, status));
    if (backbone->settings_paper && c.preset == ADAH_PRESET_PAPER)
        ADAH_TRY(adah_settings_change(&c, backbone->settings_paper, status));
    *config = c;
    return ADAH_OK;
}

static adah_node *build_layers(adah_builder *b, const adah_backbone *backbone, adah_node *x) {
    adah_layers *l = adah_memory_zeroed(1, sizeof *l);
    if (!l) {
        adah_fail_memory(b->status, sizeof *l);
        b->failed = 1;
        return NULL;
    }
    backbone->layers(l);
    adah_node *f = adah_layers_build(l, backbone->own, b, 0, l->n, x);
    adah_memory_free(l);
    return backbone->pool ? adah_attention_pool_build(b, backbone->pool, f) : f;
}

adah_node *adah_backbone_features(adah_builder *b, const char *name, adah_node *x) {
    const adah_backbone *backbone = adah_backbone_find(name);
    if (backbone && backbone->features)
        return backbone->features(b, x);
    if (backbone && backbone->vision)
        return adah_vision_features(b, backbone->vision, x);
    if (backbone && backbone->layers)
        return build_layers(b, backbone, x);
    if (!b->failed)
        adah_fail(b->status, ADAH_ERROR_MISMATCH, "backbone \"%s\" takes no pictures", name);
    b->failed = 1;
    return NULL;
}
