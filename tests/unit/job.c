#include <string.h>

#include "core/clock.h"
#include "tests/unit/job.h"
#include "tests/unit/unit.h"

const struct settings	job_settings = { .connect_ms = JOB_PATIENCE_MS };

const struct job_kind	job_kinds[JOB_KINDS] = {
	{ "ok", 200, -1, NULL },
	{ "later", 503, -1, NULL },
	{ "moved", 302, -1, NULL },
	{ "full", 200, 65536, NULL },
	{ "long", 0, 0, "64 KiB" },
	{ "cut", 0, 0, "" },
	{ "half", 0, 0, "" },
	{ "silent", 0, 0, "timed out" },
};

void
job_init(struct job *j, const struct peer *p, const char *path, const char *text)
{
	memset(j, 0, sizeof(*j));
	peer_url(p, j->url, path);
	memcpy(j->text, text, strlen(text) + 1);
}

struct http_call
job_call(const struct job *j, int ms)
{
	return (struct http_call){ .url = j->url, .body = slice_of(j->text),
	    .deadline_ms = clock_mono_ms() + ms };
}

void
job_do(struct http_client *h, struct job *j, int ms)
{
	const struct http_call	 call = job_call(j, ms);

	http_client_do(h, &j->answer, &call);
}

int
job_time(const struct job_kind *k)
{
	return strcmp(k->path, "silent") == 0 ? JOB_SHORT_MS : JOB_PATIENCE_MS;
}

void
job_check(const struct job_kind *k, const struct job *j)
{
	const struct http_answer	*a = &j->answer;

	check_int(k->path, a->status, k->status);
	CHECK(k->path, a->sent);
	if (k->why == NULL) {
		check_text(k->path, a->why, "");
	} else {
		CHECK(k->path, *a->why != '\0');
		CHECK(k->path, strstr(a->why, k->why) != NULL);
	}
	if (k->status != 0 && k->length == -1)
		check_bytes(k->path, buf_slice(&a->body), slice_of(j->text));
	else if (k->status != 0)
		check_int(k->path, (int64_t)a->body.len, k->length);
	if (strcmp(k->path, "silent") == 0)
		CHECK(k->path, a->ms >= JOB_SHORT_MS - 1);
}
