/*
 * vectors.h: the lines of the .jsonl files of tests/vectors.
 */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <jansson.h>

#include "core/buf.h"

/*
 * The library reads no NUL within the name of a member.  In the lines read here this
 * character stands for \u0000 everywhere; vector_text() turns it back.
 */
#define VECTOR_NUL	"\xF4\x8F\xBF\xBD"

struct vectors {
	json_t	*line[256];
	size_t	 n;
};

/* Reads a file; ends the test if a line is no JSON. */
void		 vectors_load(struct vectors *v, const char *file);
void		 vectors_free(struct vectors *v);

const char	*vector_name(const json_t *line);

/* A string member as it stands, absent for null or none: fits where no NUL can be. */
struct slice	 vector_get(const json_t *line, const char *key);

/* A new buf's worth of text with its NULs back; to be freed. */
struct buf	 vector_text(const char *p, size_t len);

/* The bytes of a base64 member; to be freed. */
struct buf	 vector_base64(const json_t *line, const char *key);

#endif
