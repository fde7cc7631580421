#include <stdio.h>

#include "cli/check/check_shared.h"
#include "core/clock.h"
#include "core/lang.h"

enum {
	PATIENCE_MS = 8000,	/* for the server, in all */
	CLOCK_MS = 30000,	/* a clock that is further off is a warning */
	TIME = 32		/* bytes of a time in ms as text */
};

static const char	 subject[] = "store";

/*
 * Is it the right server?
 */

/* False: there is nothing more to say. */
static bool
add_connection(struct check_results *r, const struct store_worth *w)
{
	const char	*way = w->is_near ? lang_text("on this host") : w->is_encrypted ?
			    lang_text("with TLS") : lang_text("without TLS");

	if (!w->is_connected) {
		check_result_add(r, CHECK_FAILED, subject, "the shared database cannot be used: "
		    "%s\nlook at settings.store, at the server and its pg_hba.conf, and at the "
		    "firewall", w->why);
		return false;
	}
	check_result_add(r, CHECK_OK, subject, "%s, %s, %s", w->where, w->version, way);
	if (!w->is_near && !w->is_encrypted)
		check_result_add(r, CHECK_WARNING, subject, "the connection to %s is not "
		    "encrypted: anybody on the way can read messages, keys and tokens\nadd "
		    "sslmode=verify-full to settings.store, and set up TLS on the server",
		    w->where);
	return true;
}

static bool
add_role(struct check_results *r, const struct store_worth *w)
{
	if (w->is_standby)
		check_result_add(r, CHECK_FAILED, subject, "%s is a standby, and nothing can be "
		    "written there\nname all servers in settings.store, so that the primary is "
		    "found: postgresql://USER@HOST1,HOST2/DATABASE", w->where);
	else if (w->is_read_only)
		check_result_add(r, CHECK_FAILED, subject, "%s only lets this user read "
		    "(default_transaction_read_only)\nlet the user write", w->where);
	else if (!w->is_asked)
		check_result_add(r, CHECK_WARNING, subject, "%s does not say how it keeps data: "
		    "%s: what `success` is worth there is not known\nask those who run the server",
		    w->where, w->why);
	return !w->is_standby && !w->is_read_only;
}

/* The tables, and what the user may do with them. */
static bool
add_tables(struct check_results *r, const struct store_worth *w)
{
	const bool	 is_newer = w->schema > w->ours, is_older = w->schema < w->ours;

	if (is_newer)
		check_result_add(r, CHECK_FAILED, subject, "the tables are of a newer qtoa, "
		    "version %lld where this one knows %lld: qtoa does not start\ninstall the "
		    "newer qtoa on this host", (long long)w->schema, (long long)w->ours);
	else if (w->schema == -1)
		check_result_add(r, CHECK_OK, subject, "there are no tables yet; qtoa makes them "
		    "when it starts");
	else if (is_older)
		check_result_add(r, CHECK_OK, subject, "the tables have version %lld; qtoa "
		    "migrates them to %lld when it starts", (long long)w->schema,
		    (long long)w->ours);
	if (*w->forbidden != '\0')
		check_result_add(r, CHECK_FAILED, subject, "the user of settings.store may not "
		    "read and write all tables: %s\nmake it their owner, or run there: GRANT "
		    "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ... TO ...",
		    w->forbidden);
	if (!w->may_create)
		check_result_add(r, is_older ? CHECK_FAILED : CHECK_WARNING, subject, "the user of "
		    "settings.store may not make tables, as %s needs\nrun there: GRANT CREATE ON "
		    "SCHEMA ... TO ...", lang_text(is_older ? "this qtoa" : "a newer qtoa"));
	return !is_newer && *w->forbidden == '\0' && (w->may_create || !is_older);
}

/*
 * What is an acknowledgement worth?
 */

static bool
add_replica(struct check_results *r, const struct store_worth *w)
{
	const bool	 waits = *w->standbys != '\0' && w->waited_for != 0;

	if (*w->standbys == '\0')
		check_result_add(r, CHECK_FAILED, subject, "store_ack is REPLICA, but the server "
		    "waits for no standby (synchronous_standby_names is empty), so qtoa does not "
		    "start\nset synchronous_standby_names there, or choose store_ack = DISK");
	else if (!waits)
		check_result_add(r, CHECK_FAILED, subject, "store_ack is REPLICA, and of the "
		    "standbys that the server waits for (%s) not one follows it: it acknowledges "
		    "nothing\nstart a standby; on the server, pg_stat_replication shows them",
		    w->standbys);
	else
		check_result_add(r, CHECK_OK, subject, "`success` means: QT has the message, or "
		    "two disks have it, that of the server and that of a standby (%s); to lose one "
		    "of these machines loses no message", w->standbys);
	return waits;
}

static void
add_disk(struct check_results *r, const struct store_worth *w)
{
	if (*w->standbys != '\0')
		check_result_add(r, CHECK_OK, subject, "`success` means: QT has the message, or "
		    "the disk of the server has it; this server can also wait for a standby (%s): "
		    "with store_ack = REPLICA the loss of its disk loses no message", w->standbys);
	else if (w->following > 0)
		check_result_add(r, CHECK_OK, subject, "`success` means: QT has the message, or "
		    "the disk of the server has it; the server does not wait for its standbys, so "
		    "if one takes over, the last messages that waited may be lost");
	else
		check_result_add(r, CHECK_OK, subject, "`success` means: QT has the message, or "
		    "the disk of the server has it; if that disk is lost, the messages that waited "
		    "are lost");
}

static bool
add_worth(struct check_results *r, const struct settings *set, const struct store_worth *w)
{
	if (!w->is_asked)
		return true;
	if (!w->writes_full_pages)
		check_result_add(r, CHECK_WARNING, subject, "full_page_writes is off: a power cut "
		    "can damage the database, if its file system does not write pages whole\nset "
		    "full_page_writes = on there");
	if (w->is_off)
		check_result_add(r, CHECK_OK, subject, "synchronous_commit is off or local there; "
		    "qtoa sets it itself for each message that must be kept");
	if (!w->syncs) {
		check_result_add(r, CHECK_FAILED, subject, "`success` is worth little: fsync is "
		    "off, so a power cut loses messages that WeChat does not send again\nset fsync "
		    "= on there");
		return false;
	}
	if (set->store_ack == REPLICA)
		return add_replica(r, w);
	add_disk(r, w);
	return true;
}

/*
 * Clock and commits.
 */

static void
add_clock(struct check_results *r, const struct store_worth *w)
{
	const int64_t	 off_ms = w->ahead_ms < 0 ? -w->ahead_ms : w->ahead_ms;

	if (w->is_asked && off_ms > CLOCK_MS)
		check_result_add(r, CHECK_WARNING, subject, "the server's clock is %lld s %s this "
		    "host's\nset both clocks, and keep them set: timedatectl set-ntp true, or "
		    "chrony", (long long)(off_ms / 1000),
		    lang_text(w->ahead_ms > 0 ? "ahead of" : "behind"));
	else if (w->is_asked)
		check_result_add(r, CHECK_OK, subject, "the server's clock is %lld ms from this "
		    "host's", (long long)off_ms);
}

/* Writes a time as "0.4". */
static const char *
write_ms(char text[TIME], int64_t us)
{
	(void)snprintf(text, TIME, "%lld.%lld", (long long)(us / 1000),
	    (long long)(us % 1000 / 100));
	return text;
}

static bool
add_commits(struct check_results *r, const struct settings *set, const struct store_worth *w)
{
	const bool	 is_slow = w->p99_us > set->store_ms * INT64_C(1000);
	char		 half[TIME], most[TIME];

	if (w->failed != 0)
		check_result_add(r, CHECK_FAILED, subject, "a commit failed: %s\nlook at the log "
		    "of the server and at its disk", w->why);
	else if (w->probes != 0 && is_slow)
		check_result_add(r, CHECK_WARNING, subject, "of %d commits, half took up to %s ms "
		    "and 99 of 100 up to %s ms, but store_ms is %d: the others count as failed\n"
		    "find out why the server is slow, or raise store_ms", w->probes,
		    write_ms(half, w->p50_us), write_ms(most, w->p99_us), set->store_ms);
	else if (w->probes != 0)
		check_result_add(r, CHECK_OK, subject, "of %d commits, half took up to %s ms and "
		    "99 of 100 up to %s ms; store_ms allows %d", w->probes,
		    write_ms(half, w->p50_us), write_ms(most, w->p99_us), set->store_ms);
	return w->failed == 0;
}

bool
check_shared_worth(struct check_results *r, const struct settings *set,
    const struct store_worth *w)
{
	bool	 usable;

	if (!add_connection(r, w) || !add_role(r, w))
		return false;
	usable = add_tables(r, w);
	usable = add_worth(r, set, w) && usable;
	add_clock(r, w);
	return add_commits(r, set, w) && usable;
}

bool
check_shared_run(struct check_results *r, const struct conf *c)
{
	struct store_worth	 w;
	const bool		 usable = !store_worth_ask(&w, &c->set,
				    clock_mono_ms() + PATIENCE_MS) ||
				    check_shared_worth(r, &c->set, &w);

	if (c->set.store_degrade == LOCAL)
		check_result_add(r, CHECK_OK, subject, "while the database fails, messages are "
		    "kept in %s/qtoa.db and are moved later", c->set.state_dir);
	else
		check_result_add(r, CHECK_OK, subject, "while the database fails, messages that QT "
		    "does not confirm are answered 503");
	return usable;
}
