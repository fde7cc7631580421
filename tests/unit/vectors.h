/*
 * vectors.h: reads the lines of the .jsonl files in tests/vectors.
 */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <jansson.h>

#include "core/buf.h"

/*
 * The JSON library cannot read a NUL in the name of a member.  So this character stands for
 * \u0000 in all lines; vector_text() makes it a NUL again.
 */
#define VECTOR_NUL	"\xF4\x8F\xBF\xBD"

struct vectors {
	json_t	*line[256];
	size_t	 n;
};

/* Reads a file.  A line that is not JSON ends the test. */
void		 vectors_load(struct vectors *v, const char *file);
void		 vectors_free(struct vectors *v);

const char	*vector_name(const json_t *line);	/* of the line's case */

/* The text of a member, which must have no NUL; absent: it is null, or there is no such member. */
struct slice	 vector_get(const json_t *line, const char *key);

/* A copy of text in which VECTOR_NUL is a NUL again.  The caller frees it. */
struct buf	 vector_text(const char *p, size_t len);

/* The bytes of a member that is base64.  The caller frees them. */
struct buf	 vector_base64(const json_t *line, const char *key);

#endif
