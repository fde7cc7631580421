#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/acl.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "core/number.h"
#include "state/state_file.h"
#include "wechat/api.h"
#include "wechat/callback_ips.h"
#include "wechat/errcode.h"

enum {
	FRESH_S	= CALENDAR_DAY_S,	/* a list is asked for again after so long */
	KEEP_S	= 7 * CALENDAR_DAY_S,	/* an address counts after it was last in the list */
	RETRY_S	= 600,			/* after a failure */
	BACK_S	= 60,			/* a clock may be set back by this much without effect */
	ENTRIES	= 4096,			/* of the file; those of a longer list are left out */
	TEXT	= 64,			/* bytes of an entry, with the NUL */
	FILE_MAX = 512 * 1024,		/* bytes */
	ANSWER_MAX = 512 * 1024		/* bytes of WeChat's answer */
};

static const char	 head[] = "qtoa-wechat-ips 1";

struct entry {
	char	 text[TEXT];		/* an address or a network */
	int64_t	 seen_s;		/* when WeChat's list had it last */
};

/* The file's content. */
struct list {
	struct callback_ips_state	 state;
	struct entry			*entry;
	size_t				 room;
};

struct callback_ips {
	const struct conf		*conf;
	pthread_rwlock_t		 lock;	/* of the next three */
	struct acl_set			 set;
	struct callback_ips_state	 state;
	struct stat			 st;	/* of the file that was read; all 0: no file */
	bool				 was_wrong;	/* the log says that a fetch failed */
};

/*
 * The file.
 */

static void
free_list(struct list *l)
{
	free(l->entry);
	*l = (struct list){ .entry = NULL };
}

/* The entry with that text, or a new one with seen_s 0.  NULL: no memory, or too many entries. */
static struct entry *
find_entry(struct list *l, struct slice text)
{
	const size_t	 n = (size_t)l->state.networks, room = l->room == 0 ? 64 : l->room * 2;
	struct entry	*e, *more;

	for (e = l->entry; e != l->entry + n; e++)
		if (slice_is(text, e->text))
			return e;
	if (n == ENTRIES)
		return NULL;
	if (n == l->room) {
		if ((more = realloc(l->entry, room * sizeof(*more))) == NULL)
			return NULL;
		l->entry = more;
		l->room = room;
	}
	e = &l->entry[n];
	memcpy(e->text, text.p, text.len);
	e->text[text.len] = '\0';
	e->seen_s = 0;
	l->state.networks++;
	return e;
}

/* An address, or a network that is not so wide that the list would be worth nothing. */
static bool
is_entry(struct slice text)
{
	return text.len != 0 && text.len < TEXT && !acl_is_wide(text);
}

static struct slice
cut_until(struct slice *rest, char mark)
{
	const char	*end = memchr(rest->p, mark, rest->len);
	struct slice	 part = { rest->p, end == NULL ? rest->len : (size_t)(end - rest->p) };
	const size_t	 taken = part.len + (end != NULL);

	*rest = (struct slice){ rest->p + taken, rest->len - taken };
	return part;
}

/* Reads a file's text; lines that are not entries are left out. */
static void
read_list(struct list *l, struct slice text)
{
	struct slice	 line = cut_until(&text, '\n'), word;
	struct entry	*e;
	int64_t		 seen_s;

	if (line.len <= sizeof(head) || memcmp(line.p, head, sizeof(head) - 1) != 0 ||
	    line.p[sizeof(head) - 1] != ' ')
		return;
	line = (struct slice){ line.p + sizeof(head), line.len - sizeof(head) };
	word = cut_until(&line, ' ');
	if (!number_parse(&l->state.fetched_s, word) || !number_parse(&l->state.tried_s, line)) {
		l->state.fetched_s = l->state.tried_s = 0;
		return;
	}
	while (text.len != 0) {
		line = cut_until(&text, '\n');
		word = cut_until(&line, ' ');
		if (is_entry(word) && number_parse(&seen_s, line) &&
		    (e = find_entry(l, word)) != NULL)
			e->seen_s = seen_s;
	}
}

static void
write_path(char path[STATE_FILE_PATH], const char *dir)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/qtoa.wechat-ips", dir);
}

/* Reads the file; without it, and for another kind of file, the list is empty. */
static void
load_list(struct list *l, struct stat *st, const char *dir)
{
	char	 path[STATE_FILE_PATH], *text = NULL;
	ssize_t	 n;
	int	 fd;

	*l = (struct list){ .entry = NULL };
	memset(st, 0, sizeof(*st));
	write_path(path, dir);
	if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1)
		return;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_size <= FILE_MAX &&
	    (text = malloc((size_t)st->st_size + 1)) != NULL &&
	    (n = read(fd, text, (size_t)st->st_size)) > 0)
		read_list(l, (struct slice){ text, (size_t)n });
	free(text);
	(void)close(fd);
}

static enum error
write_list(struct buf *b, const struct list *l)
{
	enum error	 er;
	size_t		 i;

	er = buf_printf(b, "%s %lld %lld\n", head, (long long)l->state.fetched_s,
	    (long long)l->state.tried_s);
	for (i = 0; i < (size_t)l->state.networks && er == ERR_OK; i++)
		er = buf_printf(b, "%s %lld\n", l->entry[i].text, (long long)l->entry[i].seen_s);
	return er;
}

/* False: why says what is wrong with the disk. */
static bool
save_list(const struct list *l, const char *dir, char why[CALLBACK_IPS_WHY])
{
	char		 path[STATE_FILE_PATH];
	struct buf	 b = { 0 };
	bool		 saved = false;

	write_path(path, dir);
	if (write_list(&b, l) != ERR_OK)
		errcode_print(why, CALLBACK_IPS_WHY, "%s", error_table[ERR_NOMEM].name);
	else if (!(saved = state_file_replace(path, buf_slice(&b))))
		errcode_print(why, CALLBACK_IPS_WHY, "qtoa.wechat-ips cannot be written: %s",
		    strerror(errno));
	buf_free(&b);
	return saved;
}

/*
 * The list in memory.
 */

/* Makes the set of the list's addresses.  False: no memory. */
static bool
make_set(struct acl_set *set, const struct list *l)
{
	size_t	 i;

	*set = (struct acl_set){ 0 };
	for (i = 0; i < (size_t)l->state.networks; i++)
		if (acl_set_add(set, slice_of(l->entry[i].text)) == ERR_NOMEM) {
			acl_set_free(set);
			return false;
		}
	acl_set_settle(set);
	return true;
}

/* Without memory for it the list of before stays, and the next call tries again. */
static void
use_list(struct callback_ips *ips, const struct list *l, const struct stat *st)
{
	struct acl_set	 set, old;

	if (!make_set(&set, l))
		return;
	(void)pthread_rwlock_wrlock(&ips->lock);
	old = ips->set;
	ips->set = set;
	ips->state = l->state;
	ips->st = *st;
	(void)pthread_rwlock_unlock(&ips->lock);
	acl_set_free(&old);
}

static void
read_file(struct callback_ips *ips)
{
	struct list	 l;
	struct stat	 st;

	load_list(&l, &st, ips->conf->set.state_dir);
	use_list(ips, &l, &st);
	free_list(&l);
}

struct callback_ips *
callback_ips_new(const struct conf *conf)
{
	struct callback_ips	*ips;

	if ((ips = calloc(1, sizeof(*ips))) == NULL)
		return NULL;
	ips->conf = conf;
	if (pthread_rwlock_init(&ips->lock, NULL) != 0) {
		free(ips);
		return NULL;
	}
	read_file(ips);
	return ips;
}

void
callback_ips_free(struct callback_ips *ips)
{
	if (ips == NULL)
		return;
	(void)pthread_rwlock_destroy(&ips->lock);
	acl_set_free(&ips->set);
	free(ips);
}

bool
callback_ips_lacks(struct callback_ips *ips, struct slice peer)
{
	bool	 lacks;

	(void)pthread_rwlock_rdlock(&ips->lock);
	lacks = ips->set.n != 0 && !acl_set_has(&ips->set, peer);
	(void)pthread_rwlock_unlock(&ips->lock);
	return lacks;
}

/* True: both are of one file, and nobody has written to it between them. */
static bool
is_unchanged(const struct stat *a, const struct stat *b)
{
	return file_is_same(a, b) && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void
callback_ips_refresh(struct callback_ips *ips)
{
	char		 path[STATE_FILE_PATH];
	struct stat	 st;
	bool		 is_new;

	write_path(path, ips->conf->set.state_dir);
	/* A file that is removed takes no list away from us. */
	if (lstat(path, &st) == -1)
		return;
	(void)pthread_rwlock_rdlock(&ips->lock);
	is_new = !is_unchanged(&st, &ips->st);
	(void)pthread_rwlock_unlock(&ips->lock);
	if (is_new)
		read_file(ips);
}

void
callback_ips_state(struct callback_ips *ips, struct callback_ips_state *s)
{
	(void)pthread_rwlock_rdlock(&ips->lock);
	*s = ips->state;
	(void)pthread_rwlock_unlock(&ips->lock);
}

void
callback_ips_read_state(struct callback_ips_state *s, const char *dir)
{
	struct list	 l;
	struct stat	 st;

	load_list(&l, &st, dir);
	*s = l.state;
	free_list(&l);
}

/*
 * WeChat.
 */

/* True: a time of the past, and it is not older than that. */
static bool
is_within(int64_t time_s, int64_t span_s)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;

	return time_s <= now_s + BACK_S && time_s > now_s - span_s;
}

bool
callback_ips_is_due(struct callback_ips *ips)
{
	struct callback_ips_state	 s;
	size_t				 i;

	callback_ips_state(ips, &s);
	if (is_within(s.fetched_s, FRESH_S) || is_within(s.tried_s, RETRY_S))
		return false;
	for (i = 0; i < ips->conf->n; i++)
		if (conf_is_set(ips->conf->accounts[i].secret))
			return true;
	return false;
}

/* Adds what the answer has.  False: it has no address; why says so. */
static bool
add_answer(struct list *l, struct slice body, int64_t now_s, char why[CALLBACK_IPS_WHY])
{
	struct json	*j = json_parse_any(body);
	char		 path[32], lost[JSON_WHY];
	struct buf	 text = { 0 };
	struct entry	*e;
	enum json_found	 found = JSON_FOUND;
	bool		 any = false;
	int		 i;

	for (i = 0; j != NULL && i < 2 * ENTRIES && found != JSON_NOTHING; i++) {
		(void)snprintf(path, sizeof(path), "$.ip_list[%d]", i);
		buf_reset(&text);
		found = json_path(j, &text, slice_of(path), lost);
		if (found == JSON_FOUND && is_entry(buf_slice(&text)) &&
		    memchr(text.p, '\0', text.len) == NULL &&
		    (e = find_entry(l, buf_slice(&text))) != NULL) {
			e->seen_s = now_s;
			any = true;
		}
	}
	if (!any)
		errcode_print(why, CALLBACK_IPS_WHY, "WeChat: getcallbackip: the answer, %zu "
		    "bytes, has no addresses in ip_list", body.len);
	buf_free(&text);
	json_free(j);
	return any;
}

/* Drops entries that WeChat's list has not had for long. */
static void
drop_old(struct list *l, int64_t now_s)
{
	size_t	 i, n = 0;

	for (i = 0; i < (size_t)l->state.networks; i++) {
		if (l->entry[i].seen_s > now_s)
			l->entry[i].seen_s = now_s;
		if (l->entry[i].seen_s > now_s - KEEP_S)
			l->entry[n++] = l->entry[i];
	}
	l->state.networks = (int64_t)n;
}

/* Asks with one account after the other.  False: why has the last reason. */
static bool
ask_wechat(struct list *l, const struct conf *c, const struct callback_ips_asker *asker,
    int64_t deadline_ms, char why[CALLBACK_IPS_WHY])
{
	struct api_answer	 a = { 0 };
	struct api_call		 call = {
		.path = "/cgi-bin/getcallbackip", .answer_max = ANSWER_MAX,
		.deadline_ms = deadline_ms,
	};
	bool			 got = false;
	size_t			 i;

	errcode_print(why, CALLBACK_IPS_WHY, "no account has .secret, the AppSecret of WeChat's "
	    "console");
	for (i = 0; i < c->n && !got; i++) {
		call.account = &c->accounts[i];
		if (!conf_is_set(call.account->secret) || clock_mono_ms() >= deadline_ms)
			continue;
		if (api_call(asker->tokens, asker->http, &a, &c->set, &call) == API_OK)
			got = add_answer(l, buf_slice(&a.body), clock_wall_ms() / 1000, why);
		else
			errcode_print(why, CALLBACK_IPS_WHY, "%s: %s",
			    conf_label(call.account), a.why);
	}
	buf_free(&a.body);
	return got;
}

/* With the lock.  The file says what another process has done meanwhile. */
static enum callback_ips_result
fetch_list(struct callback_ips *ips, const struct callback_ips_asker *asker, int64_t deadline_ms,
    char why[CALLBACK_IPS_WHY])
{
	const char			*dir = ips->conf->set.state_dir;
	const int64_t			 now_s = clock_wall_ms() / 1000;
	enum callback_ips_result	 result = CALLBACK_IPS_FAILED;
	struct list			 l;
	struct stat			 st;

	load_list(&l, &st, dir);
	if (is_within(l.state.fetched_s, FRESH_S) || is_within(l.state.tried_s, RETRY_S)) {
		use_list(ips, &l, &st);
		free_list(&l);
		return CALLBACK_IPS_ELSEWHERE;
	}
	l.state.tried_s = now_s;
	if (ask_wechat(&l, ips->conf, asker, deadline_ms, why)) {
		l.state.fetched_s = now_s;
		drop_old(&l, now_s);
		result = CALLBACK_IPS_FETCHED;
	}
	if (save_list(&l, dir, why))
		memset(&st, 0, sizeof(st));	/* callback_ips_refresh() reads the new file */
	else
		result = CALLBACK_IPS_FAILED;
	use_list(ips, &l, &st);		/* also if the disk is full */
	free_list(&l);
	return result;
}

enum callback_ips_result
callback_ips_fetch(struct callback_ips *ips, const struct callback_ips_asker *asker,
    int64_t deadline_ms, char why[CALLBACK_IPS_WHY])
{
	enum callback_ips_result	 result = CALLBACK_IPS_ELSEWHERE;
	unsigned char			 key[LOCK_KEY];
	struct lock			 lock;

	*why = '\0';
	lock_name(key, "wechat-ips", "");
	if (lock_take(asker->locks, &lock, key, 0) == LOCK_MINE) {
		result = fetch_list(ips, asker, deadline_ms, why);
		lock_release(asker->locks, &lock, true);
	}
	return result;
}

void
callback_ips_housekeep(struct callback_ips *ips, const struct callback_ips_asker *asker,
    int64_t deadline_ms)
{
	struct callback_ips_state	 s;
	char				 why[CALLBACK_IPS_WHY];

	callback_ips_refresh(ips);
	if (!callback_ips_is_due(ips))
		return;
	switch (callback_ips_fetch(ips, asker, deadline_ms, why)) {
	case CALLBACK_IPS_ELSEWHERE:
		break;
	case CALLBACK_IPS_FETCHED:
		callback_ips_state(ips, &s);
		log_msg(LEVEL_INFO, "wechat_only", "WeChat's pushes come from %lld addresses and "
		    "networks", (long long)s.networks);
		ips->was_wrong = false;
		break;
	case CALLBACK_IPS_FAILED:
		callback_ips_state(ips, &s);
		log_msg(ips->was_wrong ? LEVEL_NOTICE : LEVEL_WARNING, "wechat_only", "the list of "
		    "WeChat's addresses cannot be renewed: %s; %s; run: qtoa check", why,
		    s.networks == 0 ? "without a list no push is refused" :
		    "the last list serves");
		ips->was_wrong = true;
		break;
	}
}
