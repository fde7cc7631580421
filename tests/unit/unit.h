/*
 * unit.h: checks, and files, for all unit tests.
 *
 * A test walks a table of named cases.  A check that fails prints the case's name, and the test
 * goes on: so one run names all bad cases.  TEST() makes the test fail at its end if a check has
 * failed, or if nothing was checked.
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

/* A slice of a literal, also of one with NUL bytes. */
#define BYTES(s)	{ (s), sizeof(s) - 1 }

int	unit_begin(void **state);
int	unit_end(void **state);

/* All return true if the check was good. */
#define CHECK(name, cond) unit_check(cond, name, #cond, __FILE__, __LINE__)
bool		unit_check(bool ok, const char *name, const char *what, const char *file, int line);
bool		check_err(const char *name, enum error got, enum error want);
bool		check_int(const char *name, int64_t got, int64_t want);
bool		check_bytes(const char *name, struct slice got, struct slice want);
bool		check_text(const char *name, const char *got, const char *want);

/* Writes a character in UTF-8, a surrogate in three bytes.  Returns how many bytes. */
size_t		unit_utf8(char u[4], uint32_t cp);

/* True: all of the text is printable UTF-8. */
bool		unit_is_printable(const char *text);

/*
 * Set it to n, and the n-th realloc() from then on fails (1: the next one); 0: none fails.  It
 * counts down: if it is above 0 after a call, the call made fewer allocations.
 */
extern unsigned	unit_memory;

/* A directory for this process: empty at first, removed with its files at exit. */
const char	*unit_dir(void);

/* Makes a file in unit_dir(), and returns its path, which is valid until the next call. */
const char	*unit_file(const char *name, struct slice content);

#endif
