#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/number.h"
#include "state/observed.h"
#include "state/state_file.h"

enum {
	KEEP_S = 30 * CALENDAR_DAY_S,	/* an older note is dropped */
	AHEAD_S = CALENDAR_DAY_S,	/* a note that is seen later is of a clock that was ahead */
	NOTES = 4096,			/* of the file */
	FILE_MAX = 1024 * 1024,		/* bytes */
	LOCK_MS = 2000			/* to wait for another process that writes */
};

static const char		 head[] = "qtoa-observed 1\n";
static const char *const	 kinds[OBSERVED__KINDS] = {
	[OBSERVED_CERTIFICATE] = "certificate", [OBSERVED_RECONCILE] = "reconcile",
};

static void
write_notes_path(char path[STATE_FILE_PATH], const char *dir)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/qtoa.observed", dir);
}

const struct observation *
observed_find(const struct observed *o, enum observed_kind kind, const char *key)
{
	size_t	 i;

	for (i = 0; i < o->n; i++)
		if (o->v[i].kind == kind && strcmp(o->v[i].key, key) == 0)
			return &o->v[i];
	return NULL;
}

/* Adds a note, in place of an older one with its key. */
static enum error
put_note(struct observed *o, const struct observation *note)
{
	const size_t		 room = o->room == 0 ? 16 : o->room * 2;
	const struct observation *known = observed_find(o, note->kind, note->key);
	struct observation	*v;

	if (known != NULL && note->kind == OBSERVED_RECONCILE && known->until_s > note->until_s)
		return ERR_OK;
	if (known != NULL) {
		o->v[known - o->v] = *note;
		return ERR_OK;
	}
	if (o->n == NOTES)
		return ERR_OK;
	if (o->n == o->room) {
		if ((v = realloc(o->v, room * sizeof(*v))) == NULL)
			return ERR_NOMEM;
		o->v = v;
		o->room = room;
	}
	o->v[o->n++] = *note;
	return ERR_OK;
}

/* True: the key can be a word of the file. */
static bool
is_word(struct slice key)
{
	size_t	 i;

	for (i = 0; i < key.len; i++)
		if ((unsigned char)key.p[i] <= ' ' || key.p[i] == 0x7f)
			return false;
	return key.len != 0 && key.len < OBSERVED_KEY;
}

/* Cuts the first word off the line. */
static struct slice
cut_word(struct slice *line)
{
	const char	*end = line->len == 0 ? NULL : memchr(line->p, ' ', line->len);
	struct slice	 word = { line->p, end == NULL ? line->len : (size_t)(end - line->p) };
	const size_t	 taken = word.len + (end != NULL);

	*line = (struct slice){ line->p + taken, line->len - taken };
	return word;
}

/* False: the line is not a note. */
static bool
read_note(struct observation *note, struct slice line)
{
	const struct slice	 kind = cut_word(&line), key = cut_word(&line);
	const struct slice	 value = cut_word(&line), until = cut_word(&line);
	int			 i;

	for (i = 0; i < OBSERVED__KINDS && !slice_is(kind, kinds[i]); i++)
		;
	if (i == OBSERVED__KINDS || !is_word(key) || !number_parse(&note->value, value) ||
	    !number_parse(&note->until_s, until) || !number_parse(&note->seen_s, line))
		return false;
	note->kind = (enum observed_kind)i;
	memcpy(note->key, key.p, key.len);
	note->key[key.len] = '\0';
	note->until_s = number_bounded(note->until_s);
	note->seen_s = number_bounded(note->seen_s);
	return true;
}

static enum error
read_notes(struct observed *o, struct slice text, int64_t now_s)
{
	const size_t		 begin = sizeof(head) - 1;
	struct observation	 note;
	enum error		 er = ERR_OK;
	const char		*at, *end, *line_end;

	if (text.len < begin || memcmp(text.p, head, begin) != 0)
		return ERR_OK;
	end = text.p + text.len;
	for (at = text.p + begin; at != end && er == ERR_OK; at = line_end + 1) {
		if ((line_end = memchr(at, '\n', (size_t)(end - at))) == NULL)
			break;		/* the line is cut off */
		if (read_note(&note, (struct slice){ at, (size_t)(line_end - at) }) &&
		    note.seen_s > now_s - KEEP_S && note.seen_s < now_s + AHEAD_S)
			er = put_note(o, &note);
	}
	return er;
}

enum error
observed_read(struct observed *o, const char *dir, int64_t now_s)
{
	char		 path[STATE_FILE_PATH], *text = NULL;
	struct stat	 st;
	enum error	 er = ERR_OK;
	ssize_t		 n;
	int		 fd;

	*o = (struct observed){ .v = NULL };
	write_notes_path(path, dir);
	if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1)
		return ERR_OK;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		goto out;
	if ((text = malloc((size_t)st.st_size + 1)) == NULL)
		er = ERR_NOMEM;
	else if ((n = read(fd, text, (size_t)st.st_size)) > 0)
		er = read_notes(o, (struct slice){ text, (size_t)n }, now_s);
out:
	free(text);
	(void)close(fd);
	return er;
}

void
observed_free(struct observed *o)
{
	free(o->v);
	*o = (struct observed){ .v = NULL };
}

static enum error
write_notes(const struct observed *o, const char *dir)
{
	char		 path[STATE_FILE_PATH];
	struct buf	 b = { 0 };
	enum error	 er = buf_puts(&b, head);
	size_t		 i;

	write_notes_path(path, dir);
	for (i = 0; i < o->n && er == ERR_OK; i++)
		er = buf_printf(&b, "%s %s %lld %lld %lld\n", kinds[o->v[i].kind], o->v[i].key,
		    (long long)o->v[i].value, (long long)o->v[i].until_s,
		    (long long)o->v[i].seen_s);
	if (er == ERR_OK && !state_file_replace(path, buf_slice(&b)))
		er = ERR_STORE;
	buf_free(&b);
	return er;
}

/* Drops the notes of the kind of v[0] whose keys v does not have. */
static void
drop_others(struct observed *o, const struct observation *v, size_t n)
{
	struct observed	 given = { .v = (struct observation *)(uintptr_t)v, .n = n };
	size_t		 i, kept = 0;

	for (i = 0; i < o->n; i++)
		if (o->v[i].kind != v->kind || observed_find(&given, v->kind, o->v[i].key) != NULL)
			o->v[kept++] = o->v[i];
	o->n = kept;
}

/* With the lock. */
static enum error
add_notes(const char *dir, const struct observation *v, size_t n, bool all, int64_t now_s)
{
	struct observed	 o;
	enum error	 er = observed_read(&o, dir, now_s);
	size_t		 i;

	for (i = 0; i < n && er == ERR_OK; i++)
		if (is_word(slice_of(v[i].key)) && v[i].until_s != 0)
			er = put_note(&o, &v[i]);
	if (all && n != 0)
		drop_others(&o, v, n);
	if (er == ERR_OK)
		er = write_notes(&o, dir);
	observed_free(&o);
	return er;
}

enum error
observed_note(struct locks *locks, const char *dir, const struct observation *v, size_t n,
    bool all, int64_t now_s)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	enum error	 er;

	lock_name(key, "observed", "");
	if (lock_take(locks, &lock, key, clock_mono_ms() + LOCK_MS) != LOCK_MINE) {
		errno = EBUSY;
		return ERR_STORE;
	}
	er = add_notes(dir, v, n, all, now_s);
	lock_release(locks, &lock, false);
	return er;
}
