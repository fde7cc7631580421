/* random.h: numbers that no other thread, process or host has. */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stdint.h>

int64_t	random_id(void);	/* above 0 */

#endif
