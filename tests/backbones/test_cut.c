/* (unit) Where networks can be cut, by all the names there are; both parts together are the network, gradients included. */
#include "backbones/cut.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *backbone, *from, *name;
    } cases[] = {{"vgg19", "last", "features.28"}, {"vgg19", "features.0", "all"}, {"vgg19", "all", "all"}, {"vgg19", "features.5", "features.5"},
                 {"resnet18", "last", "layer4.0.conv1"}, {"resnet18", "layer3.1", "layer3.1.conv1"}, {"resnet50", "encoder.stages.2", "layer3.0.conv1"},
                 {"mobilenet_v2", "last", "features.17.expand"}, {"mobilenet_v2", "features.17.conv.0.0", "features.17.expand"},
                 {"vit_s_16", "last", "blocks.11"}, {"vit_s_16", "encoder.layer.3", "blocks.3"}, {"vit_s_16", "patch", "all"},
                 {"clip_vit_l_14", "visual.transformer.resblocks.23", "blocks.23"}, {"small", "all", "all"}};
    char name[ADAH_NAME_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(adah_cut_find(adah_backbone_find(cases[i].backbone), cases[i].from, name, NULL), ADAH_OK);
        assert_string_equal(name, cases[i].name);
    }
    static const char *const bad[][3] = {{"vgg19", "features.1", "features.28"}, {"resnet18", "layer4.0.conv2", "layer4.0.conv1"},
                                         {"vit_s_16", "blocks.12", "blocks.11"}, {"vgg19", "", "last"}, {"small", "last", "as a whole"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adah_status status = {0};
        assert_int_equal(adah_cut_find(adah_backbone_find(bad[i][0]), bad[i][1], name, &status), ADAH_ERROR_ARGUMENT);
        assert_non_null(strstr(status.message, bad[i][2]));
    }
    for (int i = 0; adah_backbone_at(i); i++) { /* a network with cuts has a last block */
        const adah_backbone *b = adah_backbone_at(i);
        if (adah_cut_at(b, 0, name))
            assert_int_equal(adah_cut_find(b, "last", name, NULL), ADAH_OK);
    }
}

enum { SIDE = 64, BATCH = 2 };

/* Forward, and backward of f itself. */
static void run(adah_graph *g, adah_node *f) {
    assert_int_equal(adah_graph_forward(g, NULL), ADAH_OK);
    adah_graph_clear_gradients(g);
    memcpy(adah_node_gradient(f), adah_node_value(f), adah_shape_count(adah_node_shape(f)) * sizeof(float));
    assert_int_equal(adah_graph_backward(g, ADAH_GROUP_BACKBONE, NULL), ADAH_OK);
}

static void test_parts(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"squeezenet1_1", "last"}, {"resnet18", "layer3"}, {"mobilenet_v2", "last"}, {"vit_s_16", "last"},
                                           {"convnext_tiny", "last"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        adah_settings c;
        adah_parameters p = {0};
        adah_status status = {0};
        assert_int_equal(adah_backbone_preset("default", cases[k][0], &c, NULL), ADAH_OK);
        c.n_side = SIDE;
        assert_int_equal(adah_backbone_finetune(cases[k][1], &c, NULL), ADAH_OK);
        adah_graph *whole = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_TRAIN);
        adah_builder b = {whole, &p, &c, 1, &status, 0};
        adah_node *x = adah_graph_input(whole, ADAH_SHAPE4(BATCH, 3, SIDE, SIDE)), *f = adah_backbone_features(&b, c.backbone, x);
        adah_node_keep(f);
        assert_int_equal(adah_graph_build(whole, &status), ADAH_OK);
        assert_int_equal(adah_parameters_train(&p, ADAH_GROUP_BACKBONE, &status), ADAH_OK);
        for (size_t i = 0; i < BATCH * 3 * SIDE * SIDE; i++)
            adah_node_value(x)[i] = sinf((float)i * 0.37f);
        run(whole, f);

        adah_graph *begin = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER), *end = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_TRAIN);
        b = (adah_builder){begin, &p, &c, 0, &status, 0};
        adah_node *x1 = adah_graph_input(begin, ADAH_SHAPE4(BATCH, 3, SIDE, SIDE)), *cut = adah_backbone_begin(&b, x1);
        adah_node_keep(cut);
        assert_int_equal(adah_graph_build(begin, &status), ADAH_OK);
        memcpy(adah_node_value(x1), adah_node_value(x), BATCH * 3 * SIDE * SIDE * sizeof(float));
        assert_int_equal(adah_graph_forward(begin, &status), ADAH_OK);
        b = (adah_builder){end, &p, &c, 0, &status, 0};
        adah_node *x2 = adah_graph_input(end, adah_node_shape(cut)), *f2 = adah_backbone_end(&b, x2);
        adah_node_keep(f2);
        assert_int_equal(adah_graph_build(end, &status), ADAH_OK);
        memcpy(adah_node_value(x2), adah_node_value(cut), adah_shape_count(adah_node_shape(cut)) * sizeof(float));
        for (size_t i = 0; i < p.n; i++) /* those of the end are taken off again: nothing should be left */
            for (size_t j = 0; j < p.item[i]->n; j++)
                p.item[i]->gradient[j] = -p.item[i]->gradient[j];
        adah_parameters before = {0};
        for (size_t i = 0; i < p.n; i++) {
            adah_parameter *copy = adah_parameters_add(&before, p.item[i]->name, p.item[i]->shape, ADAH_GROUP_BACKBONE);
            memcpy(copy->value, p.item[i]->gradient, copy->n * sizeof(float));
        }
        run(end, f2);
        size_t n_before = 0;
        for (size_t i = 0; i < p.n; i++) {
            double left = 0, size = 0;
            for (size_t j = 0; j < p.item[i]->n; j++) {
                left += pow((double)p.item[i]->gradient[j], 2);
                size += pow((double)before.item[i]->value[j], 2);
            }
            const int is_before = adah_cut_is_before(&c, p.item[i]->name);
            n_before += (size_t)is_before;
            if (is_before ? left != size : left > 1e-8 * size)
                fail_msg("%s: of %g, %g is left (before the cut: %d)", p.item[i]->name, size, left, is_before);
        }
        assert_true(n_before > 0 && n_before < p.n);
        adah_cut_freeze(&c, &p);
        for (size_t i = 0; i < p.n; i++)
            assert_int_equal(p.item[i]->group, adah_cut_is_before(&c, p.item[i]->name) ? ADAH_GROUP_CONSTANT : ADAH_GROUP_BACKBONE);
        adah_graph_free(whole);
        adah_graph_free(begin);
        adah_graph_free(end);
        adah_parameters_free(&before);
        adah_parameters_free(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
