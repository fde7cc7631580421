#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/utf8.h"
#include "tests/unit/unit.h"

static int	 checked, failed;
static char	 dir[128];

unsigned	 unit_memory;

void	*__real_realloc(void *p, size_t size);
void	*__wrap_realloc(void *p, size_t size);

/* The linker replaces the modules' realloc() by this (--wrap=realloc). */
void *
__wrap_realloc(void *p, size_t size)
{
	if (unit_memory != 0 && --unit_memory == 0)
		return NULL;
	return __real_realloc(p, size);
}

int
unit_begin(void **state)
{
	(void)state;
	checked = failed = 0;
	unit_memory = 0;
	return 0;
}

int
unit_end(void **state)
{
	(void)state;
	if (checked == 0)
		print_error("nothing was checked\n");
	else if (failed != 0)
		print_error("%d of %d checks failed\n", failed, checked);
	return checked == 0 || failed != 0 ? -1 : 0;
}

bool
unit_check(bool ok, const char *name, const char *what, const char *file, int line)
{
	checked++;
	if (ok)
		return true;
	failed++;
	print_error("case %s: not so: %s (%s:%d)\n", name, what, file, line);
	return false;
}

bool
check_err(const char *name, enum error got, enum error want)
{
	checked++;
	if (got == want)
		return true;
	failed++;
	print_error("case %s: is \"%s\", should be \"%s\"\n", name, error_table[got].name,
	    error_table[want].name);
	return false;
}

bool
check_int(const char *name, int64_t got, int64_t want)
{
	checked++;
	if (got == want)
		return true;
	failed++;
	print_error("case %s: is %lld, should be %lld\n", name, (long long)got,
	    (long long)want);
	return false;
}

/* Prints bytes around the first difference, at. */
static void
print_bytes(const char *label, struct slice s, size_t at)
{
	size_t	 i = at < 24 ? 0 : at - 24, end = i + 96 < s.len ? i + 96 : s.len;

	print_error("  %s, %zu bytes%s, from %zu: ", label, s.len, s.p == NULL ? ", absent" : "",
	    i);
	for (; i < end; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= ' ' && c < 0x7f && c != '\\')
			print_error("%c", c);
		else
			print_error("\\x%02x", c);
	}
	print_error("\n");
}

bool
check_bytes(const char *name, struct slice got, struct slice want)
{
	size_t	 at = 0;

	checked++;
	if (got.len == want.len && (got.p == NULL) == (want.p == NULL) &&
	    (got.len == 0 || memcmp(got.p, want.p, got.len) == 0))
		return true;
	failed++;
	while (at < got.len && at < want.len && got.p[at] == want.p[at])
		at++;
	print_error("case %s: bytes differ at %zu\n", name, at);
	print_bytes("is", got, at);
	print_bytes("should be", want, at);
	return false;
}

bool
check_text(const char *name, const char *got, const char *want)
{
	return check_bytes(name, slice_of(got), slice_of(want));
}

size_t
unit_utf8(char u[4], uint32_t cp)
{
	size_t	 len = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4, i;

	for (i = len - 1; i > 0; i--) {
		u[i] = (char)(0x80 | (cp & 0x3F));
		cp >>= 6;
	}
	u[0] = (char)(len == 1 ? cp : (0xF00u >> len & 0xFF) | cp);
	return len;
}

bool
unit_is_printable(const char *text)
{
	const char	*p = text, *end = text + strlen(text);
	bool		 printable = true;

	while (p != end && printable)
		printable = utf8_skip_printable(&p, end);
	return printable;
}

static void
remove_dir(void)
{
	DIR		*d = opendir(dir);
	struct dirent	*e;
	char		 path[512];

	while (d != NULL && (e = readdir(d)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		(void)unlink(path);
	}
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(dir);
}

const char *
unit_dir(void)
{
	const char	*tmp = getenv("TMPDIR");

	if (*dir == '\0') {
		(void)snprintf(dir, sizeof(dir), "%s/qtoa-unit.XXXXXX",
		    tmp == NULL || strlen(tmp) > 64 ? "/tmp" : tmp);
		if (mkdtemp(dir) == NULL)
			fail_msg("no directory %s", dir);
		(void)atexit(remove_dir);
	}
	return dir;
}

const char *
unit_file(const char *name, struct slice content)
{
	static char	 path[256];
	FILE		*f;

	(void)snprintf(path, sizeof(path), "%s/%s", unit_dir(), name);
	if ((f = fopen(path, "wb")) == NULL)
		fail_msg("cannot write %s", path);
	if (content.len != 0 && fwrite(content.p, 1, content.len, f) != content.len)
		fail_msg("cannot write %s", path);
	if (fclose(f) != 0)
		fail_msg("cannot write %s", path);
	return path;
}
