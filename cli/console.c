#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "core/clock.h"
#include "core/lang.h"
#include "core/query.h"
#include "reply/media_form.h"
#include "wechat/api.h"

enum {
	PATIENCE_MS = 30000,		/* for an answer of WeChat's */
	MEDIUM_MS = 120000,		/* the same, for a medium */
	MEDIUM_MAX = 12 << 20,		/* bytes; WeChat takes 10 MB */
	JSON_MAX_BYTES = 4 << 20,
	PATH = 1100
};

bool
console_open(struct console *c, const struct conf *conf, int problems, const char *account)
{
	*c = (struct console){ .account = NULL };
	if (problems != 0)
		return false;
	if ((c->account = conf_find(conf, account)) == NULL) {
		suggest_account(conf, ".path or .name", account);
		return false;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (!session_act_for_owner(conf->set.state_dir) || session_state(conf) == SESSION_FAULT)
		return false;
	if (services_open(&c->services, conf, SERVICES_TOKENS, STORE_BRIEF, NULL))
		return true;
	(void)session_say_no_handle();
	return false;
}

void
console_close(struct console *c)
{
	services_close(&c->services);
}

static void
say_answer(const struct console *c, const char *path, const struct api_answer *a)
{
	char	 said[LANG_PARTS];

	(void)fprintf(stderr, "qtoa: %s: %s: %s\n", c->account->name, path,
	    lang_parts(said, a->why));
}

/* Makes a call.  False: it failed, and stderr says why, unless the errcode is `quiet`. */
static bool
do_call(struct console *c, struct api_answer *a, const struct api_call *call, int quiet)
{
	const struct services	*s = &c->services;
	const enum api_result	 result = api_call(s->tokens, s->http, a, &s->conf->set, call);

	if (result != API_OK && !(result == API_REFUSED && quiet != 0 && a->errcode == quiet))
		say_answer(c, call->path, a);
	return result == API_OK;
}

struct json *
console_call(struct console *c, const char *path, struct slice body, int quiet, bool *is_quiet)
{
	const struct api_call	 call = {
		.account = c->account, .path = path, .body = body, .answer_max = JSON_MAX_BYTES,
		.deadline_ms = clock_mono_ms() + PATIENCE_MS,
	};
	struct api_answer	 a = { 0 };
	struct json		*j = NULL;

	if (do_call(c, &a, &call, quiet))
		j = json_parse_any(buf_slice(&a.body));
	if (is_quiet != NULL)
		*is_quiet = j == NULL && quiet != 0 && a.errcode == quiet;
	buf_free(&a.body);
	return j;
}

/*
 * Media.
 */

/* Fetches a video from its address. */
static bool
fetch_address(struct console *c, struct buf *file, struct slice address)
{
	struct buf		 url = { 0 };
	struct http_answer	 a = { 0 };
	struct http_call	 call = {
		.get = true, .answer_max = MEDIUM_MAX, .deadline_ms = clock_mono_ms() + MEDIUM_MS,
	};
	bool			 good = false;

	if (buf_put(&url, address.p, address.len) == ERR_OK && buf_putc(&url, '\0') == ERR_OK) {
		call.url = url.p;
		http_client_do(c->services.http, &a, &call);
		if (!(good = a.status == 200 && a.body.len != 0))
			(void)fprintf(stderr, lang_text("qtoa: the video cannot be fetched: "
			    "HTTP %d %s\n"), a.status, a.why);
	}
	*file = a.body;
	buf_free(&url);
	return good;
}

/* Fetches a temporary medium.  For a video WeChat tells an address. */
static bool
fetch_medium(struct console *c, struct buf *file, const char *kind, struct slice source)
{
	struct api_call		 call = {
		.account = c->account, .path = "/cgi-bin/media/get", .is_file = true,
		.answer_max = MEDIUM_MAX, .deadline_ms = clock_mono_ms() + MEDIUM_MS,
	};
	struct buf		 query = { 0 };
	struct api_answer	 a = { 0 };
	struct json		*j;
	bool			 good = false;

	if (strcmp(kind, "video") == 0)
		return fetch_address(c, file, source);
	if (buf_puts(&query, "media_id=") == ERR_OK && query_encode(&query, source) == ERR_OK &&
	    buf_putc(&query, '\0') == ERR_OK) {
		call.query = query.p;
		good = do_call(c, &a, &call, 0);
	}
	if (good && a.body.len != 0 && *a.body.p == '{') {
		j = json_parse_any(buf_slice(&a.body));
		good = json_text(j, "video_url").p != NULL &&
		    fetch_address(c, file, json_text(j, "video_url"));
		json_free(j);
		buf_free(&a.body);
	} else {
		*file = a.body;
	}
	buf_free(&query);
	return good;
}

static bool
upload_medium(struct console *c, struct buf *id, const char *kind, const struct buf *file)
{
	struct api_call		 call = {
		.account = c->account, .path = "/cgi-bin/material/add_material",
		.type = media_form_type,
		.deadline_ms = clock_mono_ms() + MEDIUM_MS,
	};
	struct buf		 form = { 0 };
	struct api_answer	 a = { 0 };
	struct json		*j = NULL;
	char			 query[32];
	bool			 good = false;

	(void)snprintf(query, sizeof(query), "type=%s", kind);
	call.query = query;
	if (media_form_write(&form, kind, buf_slice(file)) == ERR_OK) {
		call.body = buf_slice(&form);
		if (do_call(c, &a, &call, 0))
			j = json_parse_any(buf_slice(&a.body));
	}
	good = json_text(j, "media_id").len != 0 &&
	    buf_put(id, json_text(j, "media_id").p, json_text(j, "media_id").len) == ERR_OK;
	json_free(j);
	buf_free(&form);
	buf_free(&a.body);
	return good;
}

bool
console_media(void *ctx, struct buf *id, const char *kind, struct slice source)
{
	struct console	*c = ctx;
	struct buf	 file = { 0 };
	bool		 good;

	good = fetch_medium(c, &file, kind, source) && upload_medium(c, id, kind, &file);
	buf_free(&file);
	return good;
}

/*
 * Files and questions.
 */

void
console_say(void *ctx, bool wrong, const char *where, const char *what)
{
	struct console	*c = ctx;

	c->lost++;
	(void)fprintf(stderr, "%s%s%s%s%s\n", wrong ? lang_text("wrong") : lang_text("note"), "  ",
	    where, *where != '\0' ? lang_text(": ") : "", what);
}

struct json *
console_read(const char *file, bool may_lack)
{
	struct buf	 text = { 0 };
	struct json	*j = NULL;
	char		 why[JSON_WHY];

	session_as_root(true);
	if (buf_read_file(&text, file, JSON_MAX_BYTES) == -1) {
		if (!may_lack || errno != ENOENT)
			(void)fprintf(stderr, "qtoa: %s: %s\n", file, lang_errno(errno));
	} else if ((j = json_parse_file(buf_slice(&text), why)) == NULL) {
		(void)fprintf(stderr, lang_text("qtoa: %s: it is not JSON: %s\n"), file, why);
	}
	session_as_root(false);
	buf_free(&text);
	return j;
}

/* Writes a new file in place of the old one, which is kept.  False: errno. */
static bool
replace_file(const char *file, struct slice text)
{
	char	 new[PATH], old[PATH];
	int	 fd;
	bool	 good;

	if (snprintf(new, sizeof(new), "%s.new", file) >= (int)sizeof(new)) {
		errno = ENAMETOOLONG;
		return false;
	}
	(void)snprintf(old, sizeof(old), "%s~", file);
	(void)unlink(new);
	if ((fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) == -1)
		return false;
	errno = ENOSPC;		/* if not all is written */
	good = write(fd, text.p, text.len) == (ssize_t)text.len && fsync(fd) == 0;
	(void)close(fd);
	if (good && rename(file, old) == 0)
		(void)fprintf(stderr, lang_text("qtoa: the file of before is %s now\n"), old);
	good = good && rename(new, file) == 0;
	if (!good)
		(void)unlink(new);
	return good;
}

/* Writes the text, which is JSON, indented. */
static bool
write_json(const char *file, struct slice json)
{
	struct json	*j = json_parse_any(json);
	struct buf	 text = { 0 };
	bool		 good = false;

	if (j == NULL || json_print(&text, j, 2) != ERR_OK || buf_putc(&text, '\n') != ERR_OK)
		(void)session_say_no_handle();
	else if (file == NULL || strcmp(file, "-") == 0) {
		session_print(&text);
		good = true;
	} else if (!(good = replace_file(file, buf_slice(&text))))
		(void)fprintf(stderr, "qtoa: %s: %s\n", file, lang_errno(errno));
	else
		(void)fprintf(stderr, lang_text("qtoa: %s is written\n"), file);
	json_free(j);
	buf_free(&text);
	return good;
}

bool
console_write(const char *file, struct slice json)
{
	bool	 good;

	session_as_root(true);
	good = write_json(file, json);
	session_as_root(false);
	return good;
}

bool
console_save(const char *file, struct slice json)
{
	return write_json(file, json);
}

bool
console_ask(const char *question)
{
	char	 line[16];

	(void)printf("%s [y/N] ", question);
	(void)fflush(stdout);
	return fgets(line, sizeof(line), stdin) != NULL && (*line == 'y' || *line == 'Y');
}
