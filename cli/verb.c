#include <string.h>

#include "cli/verb.h"

/* What several verb_table take. */
#define ACCOUNT		{ "--account", "ACCOUNT", "of this account only: its path, name or AppID", false }
#define FROM		{ "--from", "DAY", "from this day on, YYYY-MM-DD, in China (UTC+8)", false }
#define TO		{ "--to", "DAY", "up to this day, with it", false }
#define JSON_OR_CSV	{ "--json", NULL, "as JSON", true }, { "--csv", NULL, "as CSV", false }

const struct verb verb_table[] = {
	{ "check", "", "is all right: files, store, disk, QT, certificates, clock",
	  .about = "Looks at the configuration, at who may do what to its files, at the store and its "
	    "disk, and asks QT, the control servers and WeChat how they are: names, connections, "
	    "certificates, clocks, an unsigned request that QT refuses.  A line each: ok, warning or "
	    "failed, and what to do.  Root becomes the owner of settings.state_dir; anybody else "
	    "is to be the user that the web server runs qtoa as.",
	  .status = "0 nothing failed, 1 something did",
	  .options = {
	    { "--offline", NULL, "ask nobody: what this host alone shows", true },
	    { "--online", NULL, "ask everybody, which it does anyway", false },
	    { "--json", NULL, "one JSON document", false },
	  },
	  .examples = { "qtoa check", "qtoa check --offline", "qtoa check --json" } },
	{ "map", "[FILE...]", "translate WeChat's XML to QT's event, a line of JSON each",
	  .about = "Prints the event code and attributes that the collector would count, a line for "
	    "each event.  Without FILE, or where it is -, standard input is read.  No account is "
	    "needed.",
	  .status = "0 all were XML, 1 one was not",
	  .examples = { "qtoa map demo/messages/2-menu-click.xml" } },
	{ "send", "ACCOUNT URL FILE...", "play WeChat: send XML files (- is standard input)",
	  .about = "Signs, and in the account's mode encrypts, what is in the files, and posts it to "
	    "the URL as WeChat would.  A line each: HTTP status, answer, time.  QT gets it as "
	    "a real event.",
	  .status = "0 all were answered success, 1 one was not",
	  .examples = { "qtoa send shop https://HOST/qtoa/shop demo/messages/3-text.xml" } },
	{ "queue list", "", "what waits for QT, and what QT has refused",
	  .about = "Oldest first, with what QT said last and when each is tried again; below it "
	    "which end points are in trouble and which accounts are stopped.",
	  .status = "0 it was read, 1 it could not be",
	  .options = { { "--all", NULL, "more than the first 100", false } },
	  .examples = { "qtoa queue list" } },
	{ "queue show", "ID", "all about one message",
	  .about = "When it came, what became of it, its event, its query and its body.",
	  .status = "0 it is there, 1 it is not",
	  .examples = { "qtoa queue show 17" } },
	{ "queue retry", "ID|all|ACCOUNT", "send again, at once; /all: the account of that name",
	  .about = "What waits is due now, whatever its back-off; what QT has refused waits again; "
	    "an account that is stopped goes on.  It is sent by the program below the web "
	    "server, or by qtoa drain.  A slash before an account's path says that it is "
	    "no ID and not all.",
	  .status = "0 it is due, 1 there is no such message or account",
	  .examples = { "qtoa queue retry 17", "qtoa queue retry shop" } },
	{ "queue drop", "ID", "never send it",
	  .about = "Forgets a message for good, after a question.  If WeChat repeats it, it stays "
	    "forgotten.",
	  .status = "0 it is dropped, 1 it is kept or not there",
	  .options = { { "--yes", NULL, "do not ask; needed where nobody can be asked", false } },
	  .examples = { "qtoa queue drop 17 --yes" } },
	{ "queue export", "", "JSON lines",
	  .about = "What waits and what QT has refused, an object in a line each, with query and "
	    "body.  Times are ms since the epoch.",
	  .status = "0 all is printed, 1 it is not",
	  .options = { { "--state", "pending|dead", "only what waits, or only what QT has refused",
	    false } },
	  .examples = { "qtoa queue export --state dead >dead.jsonl" } },
	{ "drain", "", "send what waits, now",
	  .about = "Sends all that waits once, whatever back-off and breaker say.  Where another "
	    "process is sending, it is watched.  For cron, where qtoa runs as CGI.",
	  .status = "0 nothing waits any more, 1 something does",
	  .options = { { "--seconds", "N", "for so long at most", false } },
	  .examples = { "qtoa drain --seconds 50" } },
	{ "report", "[QUESTION]", "what happened; --help: what can be asked",
	  .about = "Answers a question of what the collector has counted, or without one those of "
	    "the overview.  Days are China's; without them it is the last 30.  Event codes may lack "
	    "their $$_; follow, unfollow and scan are short for three of them.",
	  .status = "0 it is answered, 1 it could not be",
	  .options = { FROM, TO, ACCOUNT, JSON_OR_CSV },
	  .examples = { "qtoa report", "qtoa report days --from 2026-11-01 --csv",
	    "qtoa report funnel --steps follow,menu_click --window 86400" } },
	{ "token", "ACCOUNT", "WeChat's access_token; refresh: another, now",
	  .about = "Prints the access_token of an account with .secret, alone on a line: the one "
	    "that is kept, or a new one where it is over.",
	  .status = "0 there is one, 1 there is none",
	  .options = {
	    { "--refresh", NULL, "a new one, which ends the one before for all who have it", false },
	    { "--age", NULL, "how old it is instead, and how long it holds", false },
	  },
	  .examples = { "qtoa token shop", "qtoa token shop --age" } },
	{ "datacube pull", "", "WeChat's statistics: fetch what is missing",
	  .about = "Asks WeChat for the figures of all accounts with .secret: the first time of the "
	    "last 30 days, later all since the first day that was ever asked for.  What is there "
	    "is not asked for again.  For cron, twice a day.",
	  .status = "0 all is there that WeChat has ready, 1 something is missing",
	  .options = {
	    FROM, TO, ACCOUNT, { "--endpoint", "NAME", "only this end point; may be given again", false },
	    { "--all", NULL, "also what is there, which is replaced", false },
	    { "--retry", NULL, "also what WeChat has refused for a while", false },
	  },
	  .examples = { "qtoa datacube pull",
	    "qtoa datacube pull --from 2026-01-01 --endpoint getusersummary" } },
	{ "datacube show", "[TABLE]", "what there is; the figures of one",
	  .about = "Of each end point the days that were asked for, rows, and what is still to come; "
	    "or the rows of a table, of the last 30 days.",
	  .status = "0 it was read, 1 it could not be",
	  .options = { FROM, TO, ACCOUNT },
	  .examples = { "qtoa datacube show", "qtoa datacube show getusersummary" } },
	{ "datacube export", "TABLE", "CSV, or JSON lines with --json",
	  .about = "All rows of a table.",
	  .status = "0 all is printed, 1 it is not",
	  .options = {
	    FROM, TO, ACCOUNT, { "--csv", NULL, "as CSV, as without it", true },
	    { "--json", NULL, "as JSON, an object in a line each", false },
	  },
	  .examples = { "qtoa datacube export getusersummary >users.csv" } },
	{ "reconcile", "", "is every push that WeChat counts accounted for",
	  .about = "WeChat's count of its calls to us, as qtoa datacube pull has fetched it, beside "
	    "ours: a line a day, from the first day on which qtoa counted, the last 30 at most.",
	  .status = "0 every call is accounted for, 1 one is not, or it is not known",
	  .options = { FROM, TO, ACCOUNT, { "--hours", NULL, "a line an hour", false },
	    JSON_OR_CSV },
	  .examples = { "qtoa reconcile", "qtoa reconcile --from 2026-11-01 --hours" } },
	{ "status", "", "is all well, on one screen; watch: again and again",
	  .about = "Whether all is well, else what is wrong and what to do; of each account today's "
	    "pushes, how long answers took, at QT too, and what waits; the disk; the last failures, "
	    "and whose signatures do not hold.",
	  .status = "0 all is well, 1 something is wrong",
	  .options = {
	    { "--watch", "[SECONDS]", "draw it anew every 2 seconds, or so many, until Ctrl-C", false },
	    { "--json", NULL, "as JSON, and more of it", false },
	  },
	  .examples = { "qtoa status", "qtoa status --watch 10" } },
	{ "completion", "bash|zsh", "print what makes the shell complete all this",
	  .about = "A script made of the verbs and options of this very program.  Of a queue's IDs and "
	    "of accounts the shell asks the program itself.",
	  .status = "0 it is printed, 1 it could not be",
	  .examples = { "eval \"$(qtoa completion bash)\"",
	    "qtoa completion zsh >/usr/local/share/zsh/site-functions/_qtoa" } },
	{ "help", "[VERB]", "more of one: how it is used, its options, examples",
	  .about = "The same as --help behind the verb.",
	  .status = "0 there is such a verb",
	  .examples = { "qtoa help queue", "qtoa help queue retry" } },
	{ "-V", "", "print the version", .about = "", .status = "0 it is printed, 1 it could not be" },
	{ "-h", "", "print this", .about = "", .status = "0 it is printed, 1 it could not be" },
	{ .name = NULL }
};

struct slice
verb_group(const struct verb *v)
{
	return (struct slice){ v->name, strcspn(v->name, " ") };
}

bool
verb_in_group(const struct verb *v)
{
	return v->name[strcspn(v->name, " ")] == ' ';
}

bool
verb_leads(const struct verb *v)
{
	return v == verb_table || verb_next(v - 1) != v;
}

const struct verb *
verb_next(const struct verb *v)
{
	const struct slice	 group = verb_group(v);

	v++;
	return v->name != NULL && strncmp(v->name, group.p, group.len) == 0 &&
	    v->name[group.len] == ' ' ? v : NULL;
}

const struct verb *
verb_find(bool *group, int argc, char *const *argv)
{
	const struct verb	*v, *first = NULL;
	const char		*second;

	*group = false;
	for (v = verb_table; argc > 0 && v->name != NULL; v++) {
		if (!slice_is(verb_group(v), argv[0]))
			continue;
		second = v->name + strcspn(v->name, " ");
		if (*second == '\0' || (argc > 1 && strcmp(second + 1, argv[1]) == 0))
			return v;
		if (first == NULL)
			first = v;
	}
	*group = first != NULL;
	return first;
}

const struct verb_option *
verb_option(const struct verb *v, const char *name)
{
	const struct verb_option	*o;

	for (o = v->options; o != v->options + VERB_OPTIONS && o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

bool
verb_may_lack(const char *arg)
{
	return *arg == '[';
}

struct slice
verb_arg(const struct verb *v, int n)
{
	const char	*p = v->args;

	for (; n > 0 && *p != '\0'; n--) {
		p += strcspn(p, " ");
		p += *p == ' ';
	}
	return (struct slice){ *p == '\0' ? NULL : p, strcspn(p, " ") };
}

bool
verb_alternative(struct slice *word, struct slice *rest)
{
	size_t	 len;

	while (rest->len != 0 && strchr("[|", *rest->p) != NULL)
		rest->p++, rest->len--;
	for (len = 0; len < rest->len && strchr("|].", rest->p[len]) == NULL; len++)
		;
	*word = (struct slice){ rest->p, len };
	rest->p += len, rest->len -= len;
	return len != 0;
}

bool
verb_asks(const struct verb *v)
{
	return strstr(v->args, "QUESTION") != NULL;
}

enum verb_kind
verb_kind(struct slice word)
{
	static const struct {
		const char	*word;
		enum verb_kind	 kind;
	} kinds[] = {
		{ "ACCOUNT", VERB_ACCOUNT }, { "FILE", VERB_FILE }, { "ID", VERB_ID },
		{ "QUESTION", VERB_QUESTION }, { "NAME", VERB_ENDPOINT }, { "TABLE", VERB_TABLE },
		{ "VERB", VERB_VERB },
	};
	size_t	 i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (slice_is(word, kinds[i].word))
			return kinds[i].kind;
	return word.len != 0 && *word.p >= 'a' && *word.p <= 'z' ? VERB_WORD : VERB_OTHER;
}
