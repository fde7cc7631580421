/*
 * unit.h: what the unit tests share.
 *
 * A test walks a table of named cases.  A check that fails prints the case's name and
 * goes on, so that one run names every bad case; TEST() makes the test fail at its end
 * if a check failed, or if there was none at all.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"

#define TEST(f)		cmocka_unit_test_setup_teardown(f, unit_begin, unit_end)
#define RUN(name, t)	cmocka_run_group_tests_name(name, t, NULL, NULL)
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Bytes of a literal, NUL bytes within it too. */
#define BYTES(s)	{ (s), sizeof(s) - 1 }

int	unit_begin(void **state);
int	unit_end(void **state);

/* All return whether the check held. */
#define CHECK(name, cond) unit_check(cond, name, #cond, __FILE__, __LINE__)
bool		unit_check(bool ok, const char *name, const char *what, const char *file, int line);
bool		check_err(const char *name, enum error got, enum error want);
bool		check_int(const char *name, int64_t got, int64_t want);
bool		check_bytes(const char *name, struct slice got, struct slice want);
bool		check_text(const char *name, const char *got, const char *want);

/* The character in UTF-8, surrogates in three bytes like any other; its length. */
size_t		unit_utf8(char u[4], uint32_t cp);

/*
 * Memory runs out at the n-th allocation of the modules' bufs from here (1: the next);
 * 0: never.  What is left is how many more it takes: above 0, the end was not reached.
 */
extern unsigned	unit_memory;

/* A directory of this process, empty at first, removed with its files at exit. */
const char	*unit_dir(void);

/* Path of a file in unit_dir() with this content; valid until the next call. */
const char	*unit_file(const char *name, struct slice content);

#endif
