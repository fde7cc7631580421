#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check/check_shared.h"
#include "cli/check/check_store.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/number.h"
#include "forwarder/services.h"
#include "state/queue.h"
#include "state/store_examine.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

enum {
	PATIENCE_MS = 5000,	/* how long other processes at the store are waited for */
	QUICK_CHECK_MS = 3000,	/* for SQLite's check of the whole file */
	SLOW_MS = 1000,		/* a slower write leaves too little of WeChat's 5 s */
	TRIAL = 64 * 1024,	/* bytes that are written to try the disk */
	PATH_BYTES = 1024 + 320
};

#define MB	INT64_C(1000000)

/*
 * Checks of the disk.
 */

void
check_store_disk(struct check_results *r, const char *dir, const struct disk *d)
{
	const long long		 mb = (long long)(d->free_bytes / MB);
	const enum disk_room	 room = disk_room(d);
	char			 inodes[48] = "", margin[FORMAT_SPAN];

	format_bytes(margin, disk_margin(d));
	if (d->inodes != 0)
		(void)snprintf(inodes, sizeof(inodes), lang_text(", %lld of %lld inodes"),
		    (long long)d->free_inodes, (long long)d->inodes);
	if (room >= DISK_LOW)
		check_result_add(r, room == DISK_OUT ? CHECK_FAILED : CHECK_WARNING, "disk",
		    "%lld MB of %lld MB%s are free at %s: with less than %s nothing is queued, and "
		    "WeChat gets 503 when QT does not answer\nmake room, or put state_dir on "
		    "another disk", mb, (long long)(d->bytes / MB), inodes, dir, margin);
	else
		check_result_add(r, CHECK_OK, "disk", "%lld MB of %lld MB%s are free at %s", mb,
		    (long long)(d->bytes / MB), inodes, dir);
}

static void
check_disk_space(struct check_results *r, const char *dir)
{
	struct disk	 d;

	if (!disk_look(&d, dir)) {
		check_result_add(r, CHECK_WARNING, "disk", "%s: %s\nrun: df %s", dir,
		    lang_errno(errno), dir);
		return;
	}
	check_store_disk(r, dir, &d);
}

static bool
write_trial(int fd)
{
	static const char	 zeros[4096];
	size_t			 n;

	for (n = 0; n < TRIAL; n += sizeof(zeros)) {
		errno = ENOSPC;		/* a write that is cut short sets no errno */
		if (write(fd, zeros, sizeof(zeros)) != (ssize_t)sizeof(zeros))
			return false;
	}
	return fsync(fd) == 0;
}

/* Writes, syncs and removes a file; this also finds quotas and limits. */
static bool
check_disk_write(struct check_results *r, const char *dir)
{
	const int64_t	 begin_ms = clock_mono_ms();
	char		 file[PATH_BYTES];
	int		 fd, ms, error = 0;

	(void)snprintf(file, sizeof(file), "%s/qtoa.check-%ld", dir, (long)getpid());
	if ((fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) == -1 ||
	    !write_trial(fd))
		error = errno;
	if (fd != -1) {
		(void)close(fd);
		(void)unlink(file);
	}
	ms = (int)(clock_mono_ms() - begin_ms);
	if (error != 0)
		check_result_add(r, CHECK_FAILED, "disk", "%d KiB cannot be written to %s: %s: "
		    "WeChat gets 503 when QT does not answer\nmake room (df, df -i, quota), and "
		    "look at the limits of its user (ulimit -f)", TRIAL / 1024, dir,
		    lang_errno(error));
	else if (ms > SLOW_MS)
		check_result_add(r, CHECK_WARNING, "disk", "it takes %d ms to write %d KiB, and "
		    "WeChat waits 5000 ms in all\nput state_dir on a local disk", ms, TRIAL / 1024);
	else
		check_result_add(r, CHECK_OK, "disk", "%d KiB are written and synced in %d ms",
		    TRIAL / 1024, ms);
	return error == 0;
}

/* A lock file that is not there is not made: a check leaves nothing behind. */
static bool
check_locks(struct check_results *r, const struct conf *c)
{
	struct services	 s;
	char		 file[PATH_BYTES], why[160], said[LANG_PARTS];
	bool		 good;
	struct stat	 st;

	(void)snprintf(file, sizeof(file), "%s/qtoa.lock", c->set.state_dir);
	if (lstat(file, &st) == -1 && errno == ENOENT)
		return true;
	if (!services_open(&s, c, SERVICES_LOCKS, STORE_BRIEF, NULL))
		(void)snprintf(why, sizeof(why), "%s", lang_text(error_table[ERR_NOMEM].name));
	else
		(void)lock_look(s.locks, why, sizeof(why));
	services_close(&s);
	good = *why == '\0';
	if (!good)
		check_result_add(r, CHECK_FAILED, "lock", "%s: %s: without it a message "
		    "that WeChat repeats may be forwarded twice\nmove away what is in its place, "
		    "or give it to the owner of the directory with mode 0600; on NFS start its "
		    "lock service", file, lang_parts(said, why));
	return good;
}

/*
 * Results for databases in quarantine.
 */

static const struct quarantined {
	const char		*begin;		/* of the file's name */
	enum check_state	 is;
	const char		*what, *remedy;
} quarantines[] = {
	{ "qtoa.db.damaged-", CHECK_WARNING, "was damaged and is in quarantine; its messages are "
	    "not recovered yet", "run: qtoa drain; what cannot be read stays in the file" },
	{ "qtoa.db.newer-", CHECK_WARNING, "is of a newer qtoa and is in quarantine; its messages "
	    "are not recovered yet", "run: qtoa drain; or install the newer qtoa again" },
	{ "qtoa.db.foreign-", CHECK_WARNING, "is another program's database and stood in qtoa's "
	    "place", "move it to where it belongs" },
	{ "qtoa.db.gone-", CHECK_WARNING, "reminds of a database that was removed while messages "
	    "waited in it: they are lost, if the log does not say that they were taken over",
	    "find out who removes files there, then remove this one" },
	{ "qtoa.db.rescued-", CHECK_WARNING, "was in quarantine, and its messages are recovered",
	    "remove it when you do not need it any more" },
};

/* The kind of a quarantined database; NULL: the file is not one, or it is the WAL of one. */
static const struct quarantined *
quarantine_of(const char *name)
{
	size_t	 i, len;

	for (i = 0; i < NELEM(quarantines); i++) {
		len = strlen(quarantines[i].begin);
		if (strncmp(name, quarantines[i].begin, len) == 0 &&
		    strspn(name + len, "0123456789") == strlen(name + len))
			return &quarantines[i];
	}
	return NULL;
}

static void
check_quarantine(struct check_results *r, const char *dir)
{
	const struct quarantined	*a;
	struct dirent			*e;
	DIR				*d;

	if ((d = opendir(dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if ((a = quarantine_of(e->d_name)) != NULL)
			check_result_add(r, a->is, "store", "%s %s\n%s", e->d_name,
			    lang_text(a->what), lang_text(a->remedy));
	(void)closedir(d);
}

/*
 * Checks of the database.
 */

/* What the check finds out about the database. */
struct store_check {
	struct check_results	*r;
	const char		*file;
	struct store_examined	 found;
	int64_t			 pending, dead;	/* messages */
	int64_t			 oldest_ms;	/* when the oldest pending one came, epoch ms */
};

static void
add_db_fault(const struct store_check *l)
{
	const char	*why = l->found.why;

	switch (l->found.fault) {
	case DB_DAMAGED:
		check_result_add(l->r, CHECK_FAILED, "store", "%s: %s: the file is damaged; at the "
		    "next message qtoa quarantines it, begins a new one and recovers what can be "
		    "read\ncopy the file first if you want to examine it, check the disk, then "
		    "run: qtoa drain", l->file, why);
		break;
	case DB_BUSY:
		check_result_add(l->r, CHECK_WARNING, "store", "%s: %s: another program has locked "
		    "it for over %d s\nfind out which program: fuser %s", l->file, why,
		    PATIENCE_MS / 1000, l->file);
		break;
	case DB_FINE:
	case DB_FULL:
	case DB_TROUBLE:
		check_result_add(l->r, CHECK_FAILED, "store", "%s: %s\ncheck the owner and the "
		    "mode of the file and of those beside it, and the disk", l->file, why);
		break;
	}
}

/* A file that the program would not use as it is. */
static void
add_unusable(const struct store_check *l)
{
	const struct store_examined	*x = &l->found;

	switch (x->is) {
	case STORE_IS_SOUND:
	case STORE_IS_ABSENT:
		break;
	case STORE_IS_FAULTY:
		add_db_fault(l);
		break;
	case STORE_IS_NAMELESS:
		check_result_add(l->r, CHECK_FAILED, "store", "%s is damaged: it does not say that "
		    "it is qtoa's; at the next message qtoa quarantines it and recovers what can "
		    "be read\ncheck the disk, then run: qtoa drain", l->file);
		break;
	case STORE_IS_FOREIGN:
		check_result_add(l->r, CHECK_FAILED, "store", "%s is another program's database: "
		    "qtoa quarantines it at the next message\ngive settings.state_dir a directory "
		    "of its own", l->file);
		break;
	case STORE_IS_NEWER:
		check_result_add(l->r, CHECK_FAILED, "store", "%s is of a newer qtoa, version %lld "
		    "where this one knows %lld: qtoa quarantines it at the next message\ninstall "
		    "the newer qtoa again", l->file, (long long)x->version, (long long)x->ours);
		break;
	case STORE_IS_DAMAGED:
		check_result_add(l->r, CHECK_FAILED, "store", "%s is damaged: %s\nstop the "
		    "program, copy the file, check the disk, then run: qtoa drain", l->file,
		    x->why);
		break;
	}
}

/* Says what the file is.  False: its messages cannot be counted. */
static bool
add_store_is(const struct store_check *l)
{
	const struct store_examined	*x = &l->found;

	if (x->is == STORE_IS_ABSENT)
		check_result_add(l->r, CHECK_OK, "store", "%s does not exist yet; the first "
		    "message creates it", l->file);
	add_unusable(l);
	if (x->is != STORE_IS_SOUND)
		return false;
	if (x->version < x->ours)
		check_result_add(l->r, CHECK_OK, "store", "%s, version %lld; the next message "
		    "migrates it to %lld", l->file, (long long)x->version, (long long)x->ours);
	if (x->is_partly)
		check_result_add(l->r, CHECK_OK, "store", "%s is large: %d s were not enough to "
		    "check all of it", l->file, QUICK_CHECK_MS / 1000);
	return x->version == x->ours;
}

static bool
count_messages(struct store_check *l)
{
	struct db	*db = l->found.db;

	if (queue_count(db, QUEUE_PENDING, &l->pending) == ERR_OK &&
	    queue_count(db, QUEUE_DEAD, &l->dead) == ERR_OK &&
	    queue_oldest(db, &l->oldest_ms) == ERR_OK)
		return true;
	store_examine_fault(&l->found);
	add_db_fault(l);
	return false;
}

static void
add_queue_results(const struct store_check *l, int late_s)
{
	const int64_t	 age_ms = l->pending == 0 ? 0 : clock_wall_ms() -
	    number_bounded(l->oldest_ms);
	const char	*wait = lang_text(l->pending == 1 ? "message waits" : "messages wait");
	char		 span[FORMAT_SPAN];

	format_span(span, age_ms);
	if (age_ms / 1000 > late_s)
		check_result_add(l->r, CHECK_WARNING, "queue", "%lld %s for QT, the oldest for %s\n"
		    "qtoa queue list says why; with CGI, let cron run qtoa drain",
		    (long long)l->pending, wait, span);
	else
		check_result_add(l->r, CHECK_OK, "queue", "%lld %s for QT", (long long)l->pending,
		    wait);
	if (l->dead != 0)
		check_result_add(l->r, CHECK_WARNING, "queue", "QT has refused %lld message%s for "
		    "good\nqtoa queue list says why; then run qtoa queue retry ID, or qtoa queue "
		    "drop ID", (long long)l->dead, l->dead == 1 ? "" : "s");
}

/* Messages in this host's own file, while hosts share a store. */
static void
add_kept_here(const struct store_check *l)
{
	const int64_t	 n = l->pending + l->dead;

	if (n != 0)
		check_result_add(l->r, CHECK_WARNING, "queue", "this host keeps %lld "
		    "message%s for the shared database\nqtoa moves what it keeps when the database "
		    "works again; if that takes long, run: qtoa drain", (long long)n,
		    n == 1 ? "" : "s");
}

/* A store_work. */
static enum error
touch_store(struct db *db, void *arg)
{
	(void)arg;
	return db_touch(db);
}

/* Commits and syncs a transaction, as the program does for a message. */
static bool
check_commit(struct store_check *l, const struct conf *c)
{
	const int64_t	 begin_ms = clock_mono_ms();
	struct services	 s;
	struct store	*own;
	enum error	 er = ERR_NOMEM;
	char		 why[256] = "";

	if (services_open(&s, c, SERVICES_STORE, STORE_BRIEF, NULL)) {
		own = services_own_store(&s);
		er = store_do(own, STORE_ADD, touch_store, NULL, begin_ms + PATIENCE_MS);
		store_why(own, why, sizeof(why));
	}
	if (er == ERR_OK)
		check_result_add(l->r, CHECK_OK, "store", "%s, version %lld; committed and synced "
		    "in %d ms", l->file, (long long)l->found.version,
		    (int)(clock_mono_ms() - begin_ms));
	else
		check_result_add(l->r, CHECK_FAILED, "store", "%s: %s: %s\n%s", l->file,
		    lang_text(error_table[er].name), why, er == ERR_STORE ?
		    lang_text("check its owner, its mode and the disk (df, quota)") :
		    lang_text(error_table[er].hint));
	services_close(&s);
	return er == ERR_OK;
}

static bool
check_database(struct check_results *r, const struct conf *c)
{
	char			 file[PATH_BYTES];
	struct store_check	 l = { .r = r, .file = file };
	bool			 usable;

	(void)snprintf(file, sizeof(file), "%s/qtoa.db", c->set.state_dir);
	store_examine_run(&l.found, &c->set, clock_mono_ms() + PATIENCE_MS, QUICK_CHECK_MS);
	if (l.found.is_wal_damaged)
		check_result_add(r, CHECK_WARNING, "store", "%s-wal is damaged, and SQLite reads "
		    "it only up to the damage\nrestart qtoa: that takes over the messages behind "
		    "it; and check the disk", file);
	usable = add_store_is(&l) && count_messages(&l);
	db_close(l.found.db);
	if (!usable)
		return l.found.is == STORE_IS_ABSENT;
	if (conf_is_set(c->set.store))
		add_kept_here(&l);
	else
		add_queue_results(&l, c->set.late_s);
	return check_commit(&l, c);
}

/* The queue in the store that hosts share. */
static void
check_shared_queue(struct check_results *r, const struct conf *c)
{
	struct store_check	 l = { .r = r, .file = "" };

	if (store_read(&l.found.db, &c->set, clock_mono_ms() + PATIENCE_MS) == ERR_OK &&
	    queue_count(l.found.db, QUEUE_PENDING, &l.pending) == ERR_OK &&
	    queue_count(l.found.db, QUEUE_DEAD, &l.dead) == ERR_OK &&
	    queue_oldest(l.found.db, &l.oldest_ms) == ERR_OK)
		add_queue_results(&l, c->set.late_s);
	db_close(l.found.db);
}

bool
check_store_run(struct check_results *r, const struct conf *c, bool offline)
{
	const char	*dir = c->set.state_dir;
	struct stat	 st;
	bool		 usable;

	/*
	 * check_host.c has reported the faults of the directory itself.  In another user's
	 * directory nothing is opened: that would leave files that this user cannot write.
	 */
	if (!conf_is_set(dir) || stat(dir, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid() || access(dir, R_OK | W_OK | X_OK) == -1)
		return false;
	check_disk_space(r, dir);
	usable = check_disk_write(r, dir);
	usable = check_locks(r, c) && usable;
	check_quarantine(r, dir);
	usable = check_database(r, c) && usable;
	if (!conf_is_set(c->set.store) || offline)
		return usable;
	if (!check_shared_run(r, c))
		return false;
	check_shared_queue(r, c);
	return usable;
}
