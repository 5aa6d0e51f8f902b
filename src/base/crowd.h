/* crowd.h - does other work need the cores that this process computes on? */
#ifndef ADAH_BASE_CROWD_H
#define ADAH_BASE_CROWD_H

/* 1: for the last half second other processes have left fewer cores than n_threads free; 0: they have not, or the system does not
 * say. While it is 1, threads of OpenMP that wait look for work for a moment only before they sleep. From any thread; cheap. */
int adah_crowd_is_there(int n_threads);
/* Tests: 0 or 1 from now on, whatever the cores do; -1: as it is. */
void adah_crowd_pretend(int is_there);

#endif
