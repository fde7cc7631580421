#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/lang.h"
#include "core/log.h"
#include "core/utf8.h"
#include "reply/replies.h"
#include "state/reply_table.h"
#include "state/state_file.h"
#include "wechat/xml_repair.h"
#include "wechat/xml_scan.h"

enum { PROBLEM = 512 };	/* bytes of a problem's text */

/* Rules that were read, for as long as somebody uses them. */
struct loaded {
	struct rules	*rules;
	_Atomic size_t	 users;
};

/* The file of an account. */
struct source {
	pthread_mutex_t	 lock;		/* of the next three */
	struct loaded	*now;		/* NULL: no good rules were read */
	struct stat	 st;		/* of the file that was read last; all 0: no file */
	bool		 looked;	/* it was read, or tried */
	bool		 wrong;		/* the log says that it is wrong */
};

struct replies {
	const struct conf	*conf;
	struct locks		*locks;
	struct log_ratelimit	*log;
	struct reply_table	*table;
	struct source		*sources;	/* of each account */
};

struct replies *
replies_new(const struct conf *c, struct locks *locks, struct log_ratelimit *log)
{
	struct replies	*r;
	size_t		 i;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	*r = (struct replies){ .conf = c, .locks = locks, .log = log };
	r->table = reply_table_new(c->set.state_dir, locks);
	r->sources = calloc(c->n + 1, sizeof(*r->sources));
	for (i = 0; r->sources != NULL && i < c->n; i++)
		(void)pthread_mutex_init(&r->sources[i].lock, NULL);
	if (r->table != NULL && r->sources != NULL)
		return r;
	replies_free(r);
	return NULL;
}

static void
leave_rules(struct loaded *l)
{
	if (l == NULL || atomic_fetch_sub(&l->users, 1) != 1)
		return;
	rules_free(l->rules);
	free(l);
}

void
replies_free(struct replies *r)
{
	size_t	 i;

	if (r == NULL)
		return;
	for (i = 0; r->sources != NULL && i < r->conf->n; i++) {
		leave_rules(r->sources[i].now);
		(void)pthread_mutex_destroy(&r->sources[i].lock);
	}
	free(r->sources);
	reply_table_free(r->table);
	free(r);
}

/*
 * Reading the file.
 */

/* Reads a file's text.  False: say was told why. */
static bool
read_text(struct buf *text, const char *file, rules_say *say, void *ctx)
{
	char	 why[PROBLEM];

	if (buf_read_file(text, file, RULES_FILE_MAX) == -1)
		(void)snprintf(why, sizeof(why), lang_text("cannot be read: %s"),
		    lang_errno(errno));
	else if (text->len > RULES_FILE_MAX)
		(void)snprintf(why, sizeof(why), lang_text("is longer than %d bytes"),
		    RULES_FILE_MAX);
	else
		return true;
	if (say != NULL)
		say(ctx, true, "", why);
	return false;
}

struct rules *
replies_read(const char *file, rules_say *say, void *ctx)
{
	struct buf	 text = { 0 };
	struct rules	*rules = NULL;

	if (read_text(&text, file, say, ctx))
		rules = rules_parse(buf_slice(&text), say, ctx);
	buf_free(&text);
	return rules;
}

/* Keeps the first problem.  It is a rules_say. */
static void
keep_problem(void *ctx, bool wrong, const char *where, const char *what)
{
	char	*first = ctx;

	if (wrong && *first == '\0')
		(void)snprintf(first, PROBLEM, "%s%s%s", where, *where != '\0' ? ": " : "", what);
}

/* The copy of the last good rules. */
static void
write_copy_path(char path[STATE_FILE_PATH], const struct replies *r, const struct account *a,
    const char *end)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/qtoa.rules-%s%s", r->conf->set.state_dir, a->path,
	    end);
}

/* Writes all bytes, with a time as its own.  False: errno. */
static bool
write_file(const char *path, struct slice bytes, const struct stat *st)
{
	const struct timespec	 times[2] = { st->st_mtim, st->st_mtim };
	const int		 fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool			 good;

	if (fd == -1)
		return false;
	good = write(fd, bytes.p, bytes.len) == (ssize_t)bytes.len && futimens(fd, times) == 0 &&
	    fsync(fd) == 0;
	(void)close(fd);
	return good;
}

/*
 * Keeps a copy of the good text, unless it is there: the copy has the time and the size of its
 * file.  If it fails, a process that starts while the file is wrong has no rules.
 */
static void
save_copy(const struct replies *r, const struct account *a, struct slice text,
    const struct stat *st)
{
	char		 path[STATE_FILE_PATH], new[STATE_FILE_PATH];
	unsigned char	 key[LOCK_KEY];
	struct stat	 old;
	struct lock	 lock;

	write_copy_path(path, r, a, "");
	if (lstat(path, &old) == 0 && old.st_size == st->st_size &&
	    old.st_mtim.tv_sec == st->st_mtim.tv_sec && old.st_mtim.tv_nsec == st->st_mtim.tv_nsec)
		return;
	lock_name(key, "rules", a->path);
	if (lock_take(r->locks, &lock, key, 0) != LOCK_MINE)
		return;
	write_copy_path(new, r, a, ".new");
	(void)unlink(new);	/* a process that has died has left it */
	if (!write_file(new, text, st) || rename(new, path) == -1)
		(void)unlink(new);
	lock_release(r->locks, &lock, true);
}

/* Rules for use.  NULL: no memory; the rules are freed. */
static struct loaded *
wrap_rules(struct rules *rules)
{
	struct loaded	*l = NULL;

	if (rules != NULL && (l = calloc(1, sizeof(*l))) != NULL) {
		l->rules = rules;
		atomic_init(&l->users, 1);
	} else {
		rules_free(rules);
	}
	return l;
}

/* Reads the copy, in a process that has no rules yet. */
static struct loaded *
load_copy(const struct replies *r, const struct account *a)
{
	char	 path[STATE_FILE_PATH];

	write_copy_path(path, r, a, "");
	return wrap_rules(replies_read(path, NULL, NULL));
}

static void
log_wrong(struct replies *r, const struct account *a, const char *why, bool has_rules)
{
	const struct log_ratelimit_failure	 f = {
		.level = LEVEL_WARNING, .what = "replies", .account = a->name,
		.error = "the file of replies is wrong",
	};
	struct logline				 l;
	char					 text[2 * PROBLEM + 200];

	(void)snprintf(text, sizeof(text), "%s: %s; %s", a->replies, why, has_rules ?
	    "the last good rules serve" : "there are no rules, so no message is answered");
	utf8_mask(text);
	log_begin(&l, f.level, f.what);
	log_str(&l, "account", a->name);
	log_str(&l, "msg", text);
	log_str(&l, "hint", "correct the file, and run: qtoa reply check");
	log_ratelimit_end(r->log, &l, &f);
}

/* Reads the file again, with the lock.  st: what stat(2) said before that. */
static void
load_source(struct replies *r, struct source *s, const struct account *a, const struct stat *st)
{
	char		 why[PROBLEM] = "";
	struct buf	 text = { 0 };
	struct loaded	*new = NULL;

	if (read_text(&text, a->replies, keep_problem, why))
		new = wrap_rules(rules_parse(buf_slice(&text), keep_problem, why));
	if (new != NULL) {
		save_copy(r, a, buf_slice(&text), st);
		if (s->looked)
			log_msg(LEVEL_NOTICE, "replies", "%s: %s is read again", a->name,
			    a->replies);
	} else {
		if (s->now == NULL)
			new = load_copy(r, a);
		log_wrong(r, a, *why != '\0' ? why : error_table[ERR_NOMEM].name,
		    s->now != NULL || new != NULL);
	}
	if (new != NULL) {
		leave_rules(s->now);
		s->now = new;
	}
	s->st = *st;
	s->looked = true;
	buf_free(&text);
}

/* True: both are of one file, and nobody has written to it between them. */
static bool
is_same_version(const struct stat *a, const struct stat *b)
{
	return file_is_same(a, b) && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The rules as they are now; NULL: the account has no rules.  Call leave_rules() then. */
static struct loaded *
enter_rules(struct replies *r, const struct account *a)
{
	struct source	*s = &r->sources[a - r->conf->accounts];
	struct loaded	*l;
	struct stat	 st;

	if (stat(a->replies, &st) == -1)
		memset(&st, 0, sizeof(st));
	(void)pthread_mutex_lock(&s->lock);
	if (!s->looked || !is_same_version(&st, &s->st))
		load_source(r, s, a, &st);
	if ((l = s->now) != NULL)
		atomic_fetch_add(&l->users, 1);
	(void)pthread_mutex_unlock(&s->lock);
	return l;
}

/*
 * Replying to a message.
 */

/* What the rules and the reply need of a message, beside struct message. */
enum part { PART_TO, PART_CONTENT, PART_EVENT_KEY, PARTS };

static const char *const	parts[PARTS] = {
	[PART_TO] = "ToUserName", [PART_CONTENT] = "Content", [PART_EVENT_KEY] = "EventKey",
};

/* Reads the parts' texts into c->text.  An absent part stays absent. */
static enum error
read_parts(struct slice part[PARTS], struct replies_choice *c, struct slice xml)
{
	struct slice	 inside[PARTS];
	size_t		 start[PARTS + 1];
	const char	*what;
	enum error	 er;
	bool		 stray;
	int		 i;

	er = xml_scan_children(inside, &stray, parts, PARTS, xml);
	if (er != ERR_OK || stray || !xml_repair_is_clean(xml)) {
		if ((er = xml_repair(&c->work, &what, xml)) == ERR_OK)
			er = xml_scan_children(inside, &stray, parts, PARTS, buf_slice(&c->work));
	}
	buf_reset(&c->text);
	for (i = 0; i < PARTS && er == ERR_OK; i++) {
		start[i] = c->text.len;
		if (inside[i].p != NULL)
			er = xml_scan_text(&c->text, inside[i]);
	}
	if (er != ERR_OK)
		return er;
	start[PARTS] = c->text.len;
	for (i = 0; i < PARTS; i++)
		part[i] = (struct slice){ inside[i].p == NULL ? NULL :
		    buf_slice(&c->text).p + start[i], start[i + 1] - start[i] };
	return ERR_OK;
}

bool
replies_apply(struct replies_choice *c, const struct rules *rules, const struct message *m,
    struct slice xml, const char *key)
{
	struct rules_message	 in = { .msgtype = m->msgtype, .event = m->event, .key = key };
	struct rules_found	 f;
	struct slice		 part[PARTS];
	enum error		 er;
	int64_t			 when_s;
	size_t			 len;

	c->found = false;
	buf_reset(&c->xml);
	if (m->user.len == 0 || read_parts(part, c, xml) != ERR_OK || part[PART_TO].len == 0)
		return false;
	in.content = part[PART_CONTENT];
	in.event_key = part[PART_EVENT_KEY];
	if (!rules_find(rules, &f, &er, &in, &c->work))
		return false;
	(void)message_when(&when_s, m->time_s, clock_wall_ms() / 1000);
	if (passive_write(&c->xml, f.reply, m->user, part[PART_TO], when_s) != ERR_OK)
		return false;
	len = utf8_cut(f.name, sizeof(c->rule) - 1);
	memcpy(c->rule, f.name.p, len);
	c->rule[len] = '\0';
	c->kind = f.kind;
	c->place = f.place;
	c->found = true;
	return true;
}

bool
replies_choose(struct replies *r, struct replies_choice *c, const struct account *a,
    const struct message *m, struct slice xml, const char *key)
{
	struct loaded	*l;

	c->found = false;
	if (!conf_is_set(a->replies) || (l = enter_rules(r, a)) == NULL)
		return false;
	(void)replies_apply(c, l->rules, m, xml, key);
	leave_rules(l);
	return c->found;
}

void
replies_choice_free(struct replies_choice *c)
{
	buf_free(&c->xml);
	buf_free(&c->text);
	buf_free(&c->work);
}

bool
replies_take(struct replies *r, const struct replies_choice *c, const struct account *a,
    const struct message *m, const char *key)
{
	uint64_t	 user;

	if (c->kind != RULES_DEFAULT)
		return true;
	user = hash_add(HASH_EMPTY, a->path, strlen(a->path) + 1);
	user = hash_add(user, m->user.p, m->user.len);
	return reply_table_may(r->table, user, hash_add(HASH_EMPTY, key, strlen(key)),
	    clock_wall_ms() / 1000, REPLIES_MINUTES);
}

void
replies_count(struct replies *r, const struct replies_choice *c, const struct account *a,
    int64_t ms)
{
	reply_table_count(r->table, slice_of(a->path), rules_kinds[c->kind], slice_of(c->rule),
	    ms, clock_wall_ms() / 1000);
}
