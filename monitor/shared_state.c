#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/lang.h"
#include "core/utf8.h"
#include "monitor/shared_state.h"
#include "state/host_file.h"
#include "state/queue.h"

/* Counts what waits in this host's own file.  Where there is no such file, nothing waits. */
static int64_t
count_kept(const struct settings *set, int64_t until_ms)
{
	int64_t		 pending = 0, dead = 0;
	struct db	*db;

	if (store_read_local(&db, set, until_ms) != ERR_OK ||
	    queue_count(db, QUEUE_PENDING, &pending) != ERR_OK ||
	    queue_count(db, QUEUE_DEAD, &dead) != ERR_OK)
		pending = dead = 0;
	db_close(db);
	return pending + dead;
}

void
shared_state_begin(struct shared_state *g, const struct settings *set, struct store *s,
    int64_t until_ms)
{
	struct host_file	 f;

	memset(g, 0, sizeof(*g));
	if (s == NULL || !store_is_shared(s))
		return;
	g->is_shared = true;
	(void)host_file_read(&f, set->state_dir);
	g->since_ms = f.degraded_ms;
	g->is_degraded = g->since_ms != 0 || store_is_degraded(s);
	if (g->is_degraded)
		store_fault(s, g->why, sizeof(g->why));
	g->kept = count_kept(set, until_ms);
}

static struct hosts_seen *
append_host(struct shared_state *g)
{
	const size_t		 room = g->room == 0 ? 8 : g->room * 2;
	struct hosts_seen	*v;

	if (g->n == g->room) {
		if ((v = realloc(g->hosts, room * sizeof(*v))) == NULL)
			return NULL;
		g->hosts = v;
		g->room = room;
	}
	return &g->hosts[g->n++];
}

struct asking_hosts {
	struct shared_state	*state;
	enum error		 er;
};

/* A hosts_each. */
static void
keep_host(void *ctx, const struct hosts_seen *s)
{
	struct asking_hosts	*a = ctx;
	struct hosts_seen	*to = append_host(a->state);

	if (to != NULL)
		*to = *s;
	else
		a->er = ERR_NOMEM;
}

enum error
shared_state_ask(struct shared_state *g, struct db *db)
{
	struct asking_hosts	 a = { g, ERR_OK };
	enum error		 er;

	if (!g->is_shared)
		return ERR_OK;
	er = hosts_list(db, keep_host, &a);
	(void)snprintf(g->where, sizeof(g->where), "%s", db_where(db));
	return er == ERR_OK ? a.er : er;
}

void
shared_state_fail(struct shared_state *g, struct store *s)
{
	if (!g->is_shared)
		return;
	g->is_degraded = true;
	store_fault(s, g->why, sizeof(g->why));
}

void
shared_state_free(struct shared_state *g)
{
	free(g->hosts);
	g->hosts = NULL;
	g->n = g->room = 0;
}

int64_t
shared_state_working(const struct shared_state *g)
{
	int64_t	 n = 0;
	size_t	 i;

	for (i = 0; i < g->n; i++)
		n += g->hosts[i].age_ms < HOSTS_LOST_MS && !g->hosts[i].has_stopped;
	return n;
}

int
shared_state_names(char names[SHARED_STATE_NAMES], int64_t *age_ms, const struct shared_state *g,
    bool (*is)(const struct hosts_seen *s))
{
	const struct hosts_seen	*s;
	size_t			 len = 0;
	int			 n = 0;

	names[0] = '\0';
	*age_ms = INT64_MAX;
	for (s = g->hosts; s != g->hosts + g->n; s++) {
		if (!is(s))
			continue;
		if (len < SHARED_STATE_NAMES - 1)
			len += (size_t)snprintf(names + len, SHARED_STATE_NAMES - len, "%s%s",
			    n == 0 ? "" : lang_text(", "), s->name);
		*age_ms = s->age_ms < *age_ms ? s->age_ms : *age_ms;
		n++;
	}
	names[utf8_cut(slice_of(names), SHARED_STATE_NAMES - 1)] = '\0';
	return n;
}
