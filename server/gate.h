/*
 * gate.h: lets some threads at once do what only so many may do, and the others wait.
 */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct gate;

/* n: how many may be inside.  NULL: no memory. */
struct gate	*gate_new(int n);
void		 gate_free(struct gate *g);

/*
 * Waits until fewer than n are inside, or until until_ms (monotonic).  True: call gate_leave() in
 * the end.  False: the time is over.  g NULL: there is no limit, and true at once.
 */
bool		 gate_enter(struct gate *g, int64_t until_ms);
void		 gate_leave(struct gate *g);

#endif
