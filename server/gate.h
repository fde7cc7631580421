/*
 * gate.h: shares out what there is only so much of, and lets the others wait.
 */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gate;

/* room: threads, bytes, or whatever is shared out.  NULL: no memory. */
struct gate	*gate_new(size_t room);
void		 gate_free(struct gate *g);

/*
 * Waits until there is room for n, or until until_ms (monotonic).  If n is more than the room there
 * ever is, it waits until nobody else is inside.  True: call gate_leave() with the same n in the
 * end.  False: the time is over.  g NULL: there is no limit, and true at once.
 */
bool		 gate_enter(struct gate *g, size_t n, int64_t until_ms);
void		 gate_leave(struct gate *g, size_t n);

#endif
