/* version.c - the version of the library that runs. */
#include <adah/adah.h>

const char *adah_version(void) { return ADAH_VERSION; }
int adah_version_number(void) { return ADAH_VERSION_NUMBER; }
