/* matlab_table.c - matio's functions. */
#include "matlab/matlab.h"

static void keep_quiet(int level, char *message) { (void)level, (void)message; }

static void start(void) { Mat_LogInitFunc("adah", keep_quiet); }

const adah_matlab adah_matlab_table = {ADAH_VERSION, start,     Mat_Open, Mat_Close, Mat_VarRead, Mat_VarGetStructFieldByName,
                                       Mat_VarGetCell, Mat_VarFree};
