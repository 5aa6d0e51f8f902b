/* command_attend.c - adah attend. */
#include "options.h"

#include <stdio.h>

static int run(int argc, char **argv);

const cli_command cli_attend = {
    "attend", "Show what the model attends to in an image.", "",
    "This writes the image as PNG, with the mask outlined and everything that it leaves out darkened. The model must have been\n"
    "trained with masks; on frozen pre-trained or given features that takes 'adah train --attention'.\n"
    "--evidence is for every model that takes pictures: parts of the picture are covered one after another, and those without which its code agrees\n"
    "least with the code of the whole picture stay bright. That is what the code rests on, not a mask that was learned.\n"
    "\n"
    "Example:\n"
    "  adah attend --model photos.safetensors --image my-cat.jpg --out my-cat-attended.png\n"
    "  adah attend --model clip.safetensors --image my-cat.jpg --out my-cat-evidence.png --evidence\n",
    run, 0};

static int run(int argc, char **argv) {
    const char *model_path = NULL, *image = NULL, *out = NULL;
    size_t n_side_max = 512;
    int by_evidence = 0;
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "a trained model", &model_path, 1, 0, 0},
        {"image", 0, CLI_TEXT, "FILE", "the image", &image, 1, 0, 0},
        {"out", 0, CLI_TEXT, "FILE", "where to put the PNG", &out, 1, 0, 0},
        {"evidence", 0, CLI_FLAG, NULL, "what the code rests on, in place of the mask", &by_evidence, 0, 0, 0},
        {"side", 0, CLI_SIZE, "N", "longer side of the PNG in pixels, at most (default 512)", &n_side_max, 0, 16, 8192},
    };
    const int code = cli_parse_all(&cli_attend, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    adah_status status;
    adah_model *model = NULL;
    adah_encoder *encoder = NULL;
    adah_code done = adah_model_open(model_path, &model, &status);
    if (done == ADAH_OK)
        done = adah_encoder_create(model, NULL, &encoder, &status);
    if (done == ADAH_OK)
        done = by_evidence ? adah_evidence_write(encoder, image, NULL, out, n_side_max, &status)
                           : adah_attend_write(encoder, image, out, n_side_max, &status);
    if (done == ADAH_OK)
        printf("%s\n", out);
    adah_encoder_close(encoder);
    adah_model_close(model);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}
