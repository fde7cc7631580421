#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "cli/term.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/format.h"
#include "core/json.h"
#include "core/lang.h"
#include "forwarder/services.h"
#include "wechat/api.h"
#include "wechat/errcode.h"

enum {
	PATIENCE_MS = 20000,
	COLUMNS = 4000,
	LABEL = 9		/* columns of a label */
};

/* A member of the answer, and how it is shown. */
static const struct part {
	const char	*path, *label;
	bool		 is_time;	/* epoch seconds */
} parts[] = {
	{ "$.request.invoke_time", "time", true },
	{ "$.request.cost_in_ms", "ms", false },
	{ "$.request.client_ip", "from", false },
	{ "$.request.request_url", "request", false },
	{ "$.request.request_body", "body", false },
	{ "$.request.response_body", "answer", false },
};

/* Writes dots over each value that stands behind the name in a URL's query or in JSON. */
static void
hide_value(char *text, const char *name)
{
	char	*p = text;

	while ((p = strstr(p, name)) != NULL) {
		p += strlen(name);
		p += strspn(p, "\\\" :=");
		for (; *p != '\0' && strchr("\\\"&,} ", *p) == NULL; p++)
			*p = '.';
	}
}

static void
print_part(const struct json *j, const struct part *part)
{
	struct buf	 text = { 0 }, line = { 0 };
	const char	*label;
	char		 lost[JSON_WHY], time[TERM_TIME] = "";

	if (json_path(j, &text, slice_of(part->path), lost) == JSON_FOUND && text.len != 0 &&
	    format_line(&line, NULL, buf_slice(&text), COLUMNS) == ERR_OK &&
	    buf_putc(&line, '\0') == ERR_OK) {
		hide_value(line.p, "access_token");
		hide_value(line.p, "secret");
		if (part->is_time)
			term_time(time, errcode_integer(j, part->path));
		label = lang_text(part->label);
		(void)printf("%s%*s%s\n", label, LABEL - format_columns(slice_of(label)), "",
		    part->is_time ? time : line.p);
	}
	buf_free(&text);
	buf_free(&line);
}

/* False: WeChat tells nothing of the call, and stderr says why. */
static bool
show_call(struct services *s, const struct account *a, const char *rid)
{
	char			 body[ERRCODE_RID + 16], said[LANG_PARTS];
	struct api_call		 call = {
		.account = a, .path = "/cgi-bin/openapi/rid/get",
		.deadline_ms = clock_mono_ms() + PATIENCE_MS,
	};
	struct api_answer	 answer = { 0 };
	struct json		*j = NULL;
	size_t			 i;

	(void)snprintf(body, sizeof(body), "{\"rid\":\"%s\"}", rid);
	call.body = slice_of(body);
	if (api_call(s->tokens, s->http, &answer, &s->conf->set, &call) == API_OK)
		j = json_parse_any(buf_slice(&answer.body));
	else
		(void)fprintf(stderr, "qtoa: %s: %s\n", a->name, lang_parts(said, answer.why));
	for (i = 0; j != NULL && i < sizeof(parts) / sizeof(parts[0]); i++)
		print_part(j, &parts[i]);
	json_free(j);
	buf_free(&answer.body);
	return j != NULL;
}

/* True: the word can be a rid; it is written into JSON as it is. */
static bool
is_rid(const char *word)
{
	char	 mark[ERRCODE_RID + 8], rid[ERRCODE_RID];

	return snprintf(mark, sizeof(mark), "rid:%s", word) < (int)sizeof(mark) &&
	    errcode_rid(rid, slice_of(mark)) && strcmp(rid, word) == 0;
}

int
cmd_rid_run(struct conf *c, int problems, int argc, char **argv)
{
	const struct account	*a;
	struct services		 s;
	int			 rc = CLI_WRONG;

	if (argc != 3)
		return cli_usage("rid");
	if (!is_rid(argv[2]))
		return cli_usage_why("rid", "\"%s\" is not a rid: letters, digits and \"-\"",
		    argv[2]);
	if (problems != 0)
		return CLI_WRONG;
	if ((a = conf_find(c, argv[1])) == NULL) {
		suggest_account(c, ".path or .name", argv[1]);
		return CLI_WRONG;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (session_state(c) == SESSION_FAULT)
		return CLI_WRONG;
	if (!services_open(&s, c, SERVICES_TOKENS, STORE_BRIEF, NULL))
		(void)fprintf(stderr, "qtoa: %s\n", lang_text(error_table[ERR_NOMEM].name));
	else if (show_call(&s, a, argv[2]))
		rc = CLI_DONE;
	services_close(&s);
	return rc;
}
