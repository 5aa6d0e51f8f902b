/* matlab_table.c - matio's functions. */
#include "plugins/matlab/matlab.h"

static void keep_quiet(int level, char *message) { (void)level, (void)message; }

static void start(void) { Mat_LogInitFunc("adah", keep_quiet); }

const adah_matlab adah_matlab_table = {
    .version = ADAH_VERSION,
    .start = start,
    .open = Mat_Open,
    .close = Mat_Close,
    .read = Mat_VarRead,
    .read_info = Mat_VarReadInfo,
    .read_part = Mat_VarReadData,
    .field = Mat_VarGetStructFieldByName,
    .cell = Mat_VarGetCell,
    .free = Mat_VarFree,
};
