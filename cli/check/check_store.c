#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/check/check_store.h"
#include "core/clock.h"
#include "core/format.h"
#include "forwarder/services.h"
#include "state/db.h"
#include "state/queue.h"
#include "state/schema.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

enum {
	PATIENCE_MS = 5000,	/* with other processes at the store */
	QUICK_CHECK_MS = 3000,	/* that looking through the file may take */
	SLOW_MS = 1000,		/* a disk that takes so long leaves too little of WeChat's 5 s */
	TRIAL = 64 * 1024,	/* bytes */
	INODES_LOW = 1000,
	INODES_OUT = 20,
	NAME = 1024 + 320
};

#define MB	INT64_C(1000000)

static const int64_t	disk_low = 100 * MB, disk_out = 10 * MB;

/*
 * The disk.
 */

void
check_store_disk(struct check_results *f, const char *dir, const struct check_store_disk *d)
{
	const long long		 mb = (long long)(d->free_bytes / MB);
	const bool		 counts = d->inodes != 0;
	const bool		 out = d->free_bytes < disk_out ||
				     (counts && d->free_inodes < INODES_OUT);
	const bool		 low = d->free_bytes < disk_low ||
				     (counts && d->free_inodes < INODES_LOW);
	char			 inodes[48] = "";

	if (counts)
		(void)snprintf(inodes, sizeof(inodes), ", %lld of %lld inodes",
		    (long long)d->free_inodes, (long long)d->inodes);
	if (out || low)
		check_result_add(f, out ? CHECK_FAILED : CHECK_WARNING, "disk", "%lld MB of %lld MB%s "
		    "are free at %s: when it is full WeChat is answered 503\nmake room, or give "
		    "state_dir another disk", mb, (long long)(d->bytes / MB), inodes, dir);
	else
		check_result_add(f, CHECK_OK, "disk", "%lld MB of %lld MB%s are free at %s", mb,
		    (long long)(d->bytes / MB), inodes, dir);
}

static void
check_space(struct check_results *f, const char *dir)
{
	struct check_store_disk	 d;
	struct statvfs		 fs;

	if (statvfs(dir, &fs) == -1) {
		check_result_add(f, CHECK_WARNING, "disk", "%s: %s\nsee for yourself: df %s", dir,
		    strerror(errno), dir);
		return;
	}
	d.free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	d.bytes = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
	d.free_inodes = (int64_t)fs.f_favail;
	d.inodes = (int64_t)fs.f_files;
	check_store_disk(f, dir, &d);
}

static bool
write_all(int fd)
{
	static const char	 zeros[4096];
	size_t			 n;

	for (n = 0; n < TRIAL; n += sizeof(zeros)) {
		errno = ENOSPC;		/* of a write that is cut short */
		if (write(fd, zeros, sizeof(zeros)) != (ssize_t)sizeof(zeros))
			return false;
	}
	return fsync(fd) == 0;
}

/* A file that is written, synced and removed: quotas and limits show, too. */
static bool
check_writing(struct check_results *f, const char *dir)
{
	const int64_t	 begin_ms = clock_mono_ms();
	char		 file[NAME];
	int		 fd, ms, error = 0;

	(void)snprintf(file, sizeof(file), "%s/qtoa.check-%ld", dir, (long)getpid());
	if ((fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) == -1 ||
	    !write_all(fd))
		error = errno;
	if (fd != -1) {
		(void)close(fd);
		(void)unlink(file);
	}
	ms = (int)(clock_mono_ms() - begin_ms);
	if (error != 0)
		check_result_add(f, CHECK_FAILED, "disk", "%d KiB cannot be written to %s: %s: what QT "
		    "does not take is answered 503\nmake room (df, df -i, quota), and look at the "
		    "limits of its user (ulimit -f)", TRIAL / 1024, dir, strerror(error));
	else if (ms > SLOW_MS)
		check_result_add(f, CHECK_WARNING, "disk", "%d KiB are on disk after %d ms, and WeChat "
		    "waits 5000 for all\ngive state_dir a local disk", TRIAL / 1024, ms);
	else
		check_result_add(f, CHECK_OK, "disk", "%d KiB are written and synced in %d ms",
		    TRIAL / 1024, ms);
	return error == 0;
}

/*
 * Files that were set aside.
 */

static const struct aside {
	const char		*begin;
	enum check_state	 is;
	const char		*what, *remedy;
} asides[] = {
	{ "qtoa.db.damaged-", CHECK_WARNING, "was damaged and is set aside; what waits in it is "
	    "not taken over yet", "run: qtoa drain; what cannot be read stays in it" },
	{ "qtoa.db.newer-", CHECK_WARNING, "is a later qtoa's and is set aside; what waits in it "
	    "is not taken over yet", "run: qtoa drain; or install the later qtoa again" },
	{ "qtoa.db.foreign-", CHECK_WARNING, "is another program's and was in the way",
	    "move it to where it belongs" },
	{ "qtoa.db.rescued-", CHECK_WARNING, "was set aside, and what waited in it is taken over",
	    "remove it when you have no more use for it" },
};

/* One of these, and not the log or the index of one. */
static const struct aside *
aside_of(const char *name)
{
	size_t	 i, len;

	for (i = 0; i < NELEM(asides); i++) {
		len = strlen(asides[i].begin);
		if (strncmp(name, asides[i].begin, len) == 0 &&
		    strspn(name + len, "0123456789") == strlen(name + len))
			return &asides[i];
	}
	return NULL;
}

static void
check_asides(struct check_results *f, const char *dir)
{
	const struct aside	*a;
	struct dirent		*e;
	DIR			*d;

	if ((d = opendir(dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if ((a = aside_of(e->d_name)) != NULL)
			check_result_add(f, a->is, "store", "%s %s\n%s", e->d_name, a->what, a->remedy);
	(void)closedir(d);
}

/*
 * The database.
 */

/* What is to be known of it: which version it is, whether it is whole, what is in it. */
struct look {
	struct check_results	*f;
	const char		*file;
	int64_t			 version, ours;
	int64_t			 pending, dead, oldest_ms;
};

static void
say_fault(const struct look *l, struct db *db)
{
	switch (db_fault(db)) {
	case DB_DAMAGED:
		check_result_add(l->f, CHECK_FAILED, "store", "%s: %s: it is damaged; the program sets "
		    "it aside at the next message, begins a new one, and takes over what can be "
		    "read\ncopy it first if you want to look into it, check the disk, then run: "
		    "qtoa drain", l->file, db_why(db));
		break;
	case DB_BUSY:
		check_result_add(l->f, CHECK_WARNING, "store", "%s: %s: another program holds it for "
		    "over %d s\nfind out which: fuser %s", l->file, db_why(db),
		    PATIENCE_MS / 1000, l->file);
		break;
	case DB_FINE:
	case DB_FULL:
	case DB_TROUBLE:
		check_result_add(l->f, CHECK_FAILED, "store", "%s: %s\nlook at the owner and the mode "
		    "of it and of the files beside it, and at the disk", l->file, db_why(db));
		break;
	}
}

/* The marks: whose it is.  False: it is not one that this program would use as it is. */
static bool
check_version(struct look *l, struct db *db)
{
	switch (schema_look(db, &l->version, &l->ours)) {
	case SCHEMA_READY:
		break;
	case SCHEMA_FAULT:
		say_fault(l, db);
		return false;
	case SCHEMA_FOREIGN:
		check_result_add(l->f, CHECK_FAILED, "store", "%s is another program's database: it is "
		    "set aside at the next message\ngive settings.state_dir a directory of its own",
		    l->file);
		return false;
	case SCHEMA_NEWER:
		check_result_add(l->f, CHECK_FAILED, "store", "%s is a later qtoa's, version %lld "
		    "where this one knows %lld: it is set aside at the next message\ninstall the "
		    "later qtoa again", l->file, (long long)l->version, (long long)l->ours);
		return false;
	}
	if (l->version < l->ours)
		check_result_add(l->f, CHECK_OK, "store", "%s, version %lld; the next message makes "
		    "it %lld", l->file, (long long)l->version, (long long)l->ours);
	return l->version == l->ours;
}

/* The first line is "ok", or what is wrong; a large file may take more time than there is. */
static bool
check_whole(struct look *l, struct db *db)
{
	const int64_t	 begin_ms = clock_mono_ms();
	struct db_rows	 rows;
	enum error	 er;
	bool		 good = false;

	db_limit(db, begin_ms + QUICK_CHECK_MS);
	er = db_start(db, &rows, "PRAGMA quick_check(1)", DB_NO_VALUES);
	if (er == ERR_OK && db_next(&rows, &er)) {
		good = slice_is(db_col(&rows, 0), "ok");
		if (!good)
			check_result_add(l->f, CHECK_FAILED, "store", "%s is damaged: %.*s\nstop the "
			    "program, copy the file, check the disk, then run: qtoa drain", l->file,
			    (int)db_col(&rows, 0).len, db_col(&rows, 0).p);
	}
	db_end(&rows);
	db_limit(db, 0);
	if (er == ERR_OK)
		return good;
	if (db_fault(db) == DB_DAMAGED || clock_mono_ms() < begin_ms + QUICK_CHECK_MS) {
		say_fault(l, db);
		return false;
	}
	check_result_add(l->f, CHECK_OK, "store", "%s is large: not all of it was looked through in "
	    "%d s", l->file, QUICK_CHECK_MS / 1000);
	return true;
}

static bool
count(struct look *l, struct db *db)
{
	if (queue_count(db, QUEUE_PENDING, &l->pending) == ERR_OK &&
	    queue_count(db, QUEUE_DEAD, &l->dead) == ERR_OK &&
	    db_number(db, &l->oldest_ms, "SELECT min(received) FROM message WHERE state = "
	    "'pending'", DB_NO_VALUES) == ERR_OK)
		return true;
	say_fault(l, db);
	return false;
}

static void
say_messages(const struct look *l, int late_s)
{
	const int64_t	 age_ms = l->pending == 0 ? 0 : clock_wall_ms() - l->oldest_ms;
	char		 span[FORMAT_SPAN];

	format_span(span, age_ms);
	if (age_ms / 1000 > late_s)
		check_result_add(l->f, CHECK_WARNING, "queue", "%lld wait for QT, the oldest for %s\n"
		    "qtoa queue list says why; where nothing runs all the time, cron must run qtoa "
		    "drain", (long long)l->pending, span);
	else
		check_result_add(l->f, CHECK_OK, "queue", "%lld wait for QT", (long long)l->pending);
	if (l->dead != 0)
		check_result_add(l->f, CHECK_WARNING, "queue", "QT has refused %lld message%s for good\n"
		    "qtoa queue list says why; then qtoa queue retry ID, or qtoa queue drop ID",
		    (long long)l->dead, l->dead == 1 ? "" : "s");
}

/* One page, with what is there already. */
static enum error
write_again(struct db *db, void *arg)
{
	const struct look	*l = arg;
	char			 sql[48];

	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld", (long long)l->version);
	return db_script(db, sql);
}

/* As the program does it: committed and synced. */
static bool
check_commit(struct look *l, const struct conf *c)
{
	const int64_t	 begin_ms = clock_mono_ms();
	struct services	 s;
	enum error	 er = ERR_NOMEM;
	char		 why[256] = "";

	if (services_open(&s, c, SERVICES_STORE, STORE_BRIEF, NULL)) {
		er = store_do(s.store, STORE_SYNC, write_again, l, begin_ms + PATIENCE_MS);
		store_why(s.store, why, sizeof(why));
	}
	if (er == ERR_OK)
		check_result_add(l->f, CHECK_OK, "store", "%s, version %lld; committed and synced in "
		    "%d ms", l->file, (long long)l->version, (int)(clock_mono_ms() - begin_ms));
	else
		check_result_add(l->f, CHECK_FAILED, "store", "%s: %s: %s\n%s", l->file, error_table[er].name,
		    why, er == ERR_STORE ? "look at its owner, its mode and the disk (df, quota)" :
		    error_table[er].hint);
	services_close(&s);
	return er == ERR_OK;
}

/* What can be told without changing anything. */
static bool
look_at(struct look *l)
{
	struct db	*db;
	bool		 usable = false;

	if (db_open(&db, l->file, DB_READ_ONLY) == ERR_OK) {
		db_patience(db, clock_mono_ms() + PATIENCE_MS);
		usable = check_version(l, db) && check_whole(l, db) && count(l, db);
	} else if (db != NULL) {
		say_fault(l, db);
	}
	db_close(db);
	return usable;
}

static bool
check_database(struct check_results *f, const struct conf *c)
{
	char		 file[NAME];
	struct look	 l = { .f = f, .file = file };

	(void)snprintf(file, sizeof(file), "%s/qtoa.db", c->set.state_dir);
	if (access(file, F_OK) == -1 && errno == ENOENT) {
		check_result_add(f, CHECK_OK, "store", "%s: there is none yet, the first message makes "
		    "it", file);
		return true;
	}
	if (!look_at(&l))
		return false;
	say_messages(&l, c->set.late_s);
	return check_commit(&l, c);
}

bool
check_store_run(struct check_results *f, const struct conf *c)
{
	const char	*dir = c->set.state_dir;
	struct stat	 st;
	bool		 usable;

	/*
	 * What is wrong with the directory itself has been said.  In another user's nothing is
	 * opened: it would leave files that he cannot write.
	 */
	if (!conf_is_set(dir) || stat(dir, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid() || access(dir, R_OK | W_OK | X_OK) == -1)
		return false;
	check_space(f, dir);
	usable = check_writing(f, dir);
	check_asides(f, dir);
	return check_database(f, c) && usable;
}
