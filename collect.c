#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "collect.h"
#include "crypto.h"
#include "json.h"
#include "log.h"

/* The fields that QT's table calls required (3.2). */
enum { SIGN, APP_ID, APPKEY, TS, CODE, DATA, NEEDED };

static const char *const needed[NEEDED] = {
	[SIGN]		= "sign",
	[APP_ID]	= "app_id",
	[APPKEY]	= "appkey",
	[TS]		= "ts",
	[CODE]		= "code",
	[DATA]		= "weChatOAData",
};

/* QT's answers (3.4), the ones this receiver gives. */
enum verdict { ACCEPTED, BAD_SIGN, NOT_JSON, MISSING, BAD_KEYS, VERDICTS };

static const struct {
	const char	*code, *message;
} answers[VERDICTS] = {
	[ACCEPTED]	= { "Httpapi_300_200", "Report success" },
	[BAD_SIGN]	= { "Httpapi_300_101", "Illegal signature" },
	[NOT_JSON]	= { "Httpapi_300_102", "The reported data type is not in JSON format." },
	[MISSING]	= { "Httpapi_300_103", "Missing required fields" },
	[BAD_KEYS]	= { "Httpapi_300_106", "Incorrect ak/sk" },
};

/* What was posted, as fields; the required ones by number. */
struct message {
	struct field	 f[SIGN_FIELDS_MAX];
	char		 bare[SIGN_FIELDS_MAX][40];	/* what bare fields point to */
	size_t		 n;
	struct slice	 need[NEEDED];
	bool		 nested;	/* holds what QT's clients never sign */
};

static enum qt_err
on_member(void *ctx, struct slice name, enum json_kind kind, struct slice value, bool array)
{
	struct message	*m = ctx;
	struct field	*f = &m->f[m->n];
	size_t		 i;

	if (kind == JSON_NESTED || m->n == SIGN_FIELDS_MAX) {
		m->nested = true;
		return QT_OK;
	}
	*f = (struct field){ name, value, array, kind == JSON_BARE };
	if (f->bare) {
		(void)snprintf(m->bare[m->n], sizeof(m->bare[0]), "%.*s", (int)value.len,
		    value.p);
		f->value = slice_of(m->bare[m->n]);
	}
	for (i = 0; i < NEEDED && !array; i++)
		if (slice_is(name, needed[i]))
			m->need[i] = f->value;
	m->n++;
	return QT_OK;
}

static bool
complete(const struct message *m)
{
	size_t	 i;

	for (i = 0; i < NEEDED; i++)
		if (m->need[i].len == 0)
			return false;
	return true;
}

static const struct account *
find_account(const struct conf *c, const struct message *m)
{
	const struct account	*a;

	for (a = c->accounts; a != c->accounts + c->n; a++)
		if (slice_is(m->need[APP_ID], a->service_id) &&
		    slice_is(m->need[APPKEY], a->app_key == NULL ? "" : a->app_key) &&
		    slice_is(m->need[CODE], a->appid))
			return a;
	return NULL;
}

/* What was posted, without sign, printed anew and signed, gives the sign it came with. */
static enum qt_err
check_sign(bool *good, struct buf *scratch, struct signer *s, const struct message *m,
    const struct account *a)
{
	struct field	 f[SIGN_FIELDS_MAX];
	char		 hex[SIGN_MD5_HEX + 1];
	size_t		 i, n = 0;
	enum qt_err	 er;

	*good = false;
	if (m->nested)
		return QT_OK;
	for (i = 0; i < m->n; i++)
		if (!slice_is(m->f[i].name, "sign"))
			f[n++] = m->f[i];
	buf_reset(scratch);
	if ((er = sign_canonical(scratch, f, n)) != QT_OK ||
	    (er = sign_digest(s, hex, buf_slice(scratch), slice_of(a->service_secret))) != QT_OK)
		return er;
	*good = crypto_equal(m->need[SIGN], slice_of(hex));
	return QT_OK;
}

/*
 * Appends a whole line or nothing, synced.  The locks keep others out while a line that
 * did not fit is taken back: one for threads, one for processes.
 */
static enum qt_err
append(const char *file, struct slice line)
{
	static pthread_mutex_t	 lock = PTHREAD_MUTEX_INITIALIZER;
	struct flock		 whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	enum qt_err		 er = QT_ESTORE;
	off_t			 size;
	ssize_t			 n;
	int			 fd, error = 0;

	(void)pthread_mutex_lock(&lock);
	fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1 && fcntl(fd, F_SETLKW, &whole) == 0 &&
	    (size = lseek(fd, 0, SEEK_END)) != -1) {
		n = write(fd, line.p, line.len);
		if (n == (ssize_t)line.len && fdatasync(fd) == 0)
			er = QT_OK;
		error = n >= 0 && n < (ssize_t)line.len ? ENOSPC : errno;
		if (er != QT_OK && ftruncate(fd, size) != 0)
			error = errno;
	} else {
		error = errno;
	}
	if (fd != -1)
		(void)close(fd);
	(void)pthread_mutex_unlock(&lock);
	if (er != QT_OK)
		log_msg(LEVEL_ERROR, "collect", "%s: %s", file, strerror(error));
	return er;
}

static enum qt_err
store(struct buf *line, const struct settings *set, const struct account *a, struct message *m)
{
	char		 file[1100];
	enum qt_err	 er;

	(void)mkdir(set->state_dir, 0700);	/* whether it is there now shows below */
	(void)snprintf(file, sizeof(file), "%s/collected.jsonl", set->state_dir);
	buf_reset(line);
	if ((er = buf_printf(line, "{\"received\":%lld,\"account\":",
	    (long long)clock_wall_ms())) != QT_OK ||
	    (er = sign_string(line, slice_of(a->name))) != QT_OK ||
	    (er = buf_puts(line, ",\"message\":")) != QT_OK ||
	    (er = sign_canonical(line, m->f, m->n)) != QT_OK ||
	    (er = buf_puts(line, "}\n")) != QT_OK)
		return er;
	return append(file, buf_slice(line));
}

/* The verdict on what was posted; what is accepted is stored. */
static enum qt_err
judge(enum verdict *v, const struct account **account, struct buf *line, const struct conf *c,
    struct signer *s, const struct json *j)
{
	const struct account	*a;
	struct message		 m;
	enum qt_err		 er;
	bool			 good;

	m.n = 0;
	m.nested = false;
	memset(m.need, 0, sizeof(m.need));
	if ((er = json_each(j, on_member, &m)) != QT_OK)
		return er;
	*v = MISSING;
	if (!complete(&m))
		return QT_OK;
	*v = BAD_KEYS;
	if ((a = find_account(c, &m)) == NULL)
		return QT_OK;
	*account = a;
	*v = BAD_SIGN;
	if ((er = check_sign(&good, line, s, &m, a)) != QT_OK || !good)
		return er;
	*v = ACCEPTED;
	return store(line, &c->set, a, &m);
}

enum qt_err
collect_message(struct collect_result *res, struct buf *out, struct buf *line,
    const struct conf *c, struct signer *s, struct slice body)
{
	enum verdict	 v = NOT_JSON;
	struct json	*j;
	enum qt_err	 er = QT_OK;

	res->account = NULL;
	if ((j = json_parse(body)) != NULL)
		er = judge(&v, &res->account, line, c, s, j);
	json_free(j);
	res->code = answers[v].code;
	buf_reset(out);
	if (er == QT_OK)
		er = buf_printf(out, "{\"code\":\"%s\",\"message\":\"%s\"}", answers[v].code,
		    answers[v].message);
	return er;
}
