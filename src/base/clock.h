/* clock.h - seconds, for what is timed. */
#ifndef ADAH_BASE_CLOCK_H
#define ADAH_BASE_CLOCK_H

double adah_clock_seconds(void); /* since some moment, of a clock that only goes forward */

#endif
