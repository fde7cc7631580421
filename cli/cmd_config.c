#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/environment.h"
#include "cli/term.h"
#include "core/conf.h"
#include "core/conf_value.h"
#include "core/conf_warn.h"
#include "core/digest.h"
#include "core/format.h"
#include "core/json.h"
#include "core/json_write.h"
#include "core/lang.h"
#include "core/proxy.h"
#include "net/ca_store.h"
#include "net/http_client.h"
#include "state/store.h"
#include "xmlmap.h"

enum {
	NAME	= 28,		/* columns of a field's name */
	VALUE	= 36,		/* columns of a value, unless it is longer */
	TEXT	= 4096,		/* columns of any other text */
	NOTE	= 1024		/* bytes of a note, with its NUL */
};

/* What is wrong with a value, or odd about it. */
struct note {
	struct note	*next;
	int		 i;		/* as in struct conf_field */
	const char	*field;
	bool		 fault;
	char		 text[NOTE];
};

struct show {
	struct conf	 c;
	struct note	*notes;
	int		 faults;	/* of all values, whether they are shown or not */
	int		 shown;		/* those that were shown */
	int		 only;		/* number of the account that is shown; -1: all is */
	bool		 json;
	int		 at;		/* the account, or -1, whose fields are being printed */
	bool		 begun;		/* some field was printed */
	struct buf	 out, word;
	enum error	 er;		/* the first error */
};

/*
 * What is wrong.
 */

static void	add_note(struct show *s, int i, const char *field, bool fault, const char *fmt, ...)
		    __attribute__((format(printf, 5, 6)));

static void
add_note(struct show *s, int i, const char *field, bool fault, const char *fmt, ...)
{
	struct note	*n = calloc(1, sizeof(*n)), **end;
	va_list		 ap;

	s->faults += fault;
	if (n == NULL) {
		s->er = ERR_NOMEM;
		return;
	}
	n->i = i, n->field = field, n->fault = fault;
	va_start(ap, fmt);
	(void)vsnprintf(n->text, sizeof(n->text), fmt, ap);
	va_end(ap);
	for (end = &s->notes; *end != NULL; end = &(*end)->next)
		;
	*end = n;
}

/* A conf_fault. */
static void
add_fault(void *ctx, int i, const char *field, const char *why)
{
	add_note(ctx, i, field, true, "%s", why);
}

/* A conf_warning. */
static void
add_warning(void *ctx, const struct conf *c, int i, const char *field, const char *what,
    const char *remedy)
{
	(void)c;
	add_note(ctx, i, field, false, "%s; %s", what, remedy);
}

static bool
has_fault(const struct show *s, const struct conf_field *f)
{
	const struct note	*n;

	for (n = s->notes; n != NULL; n = n->next)
		if (n->fault && n->i == f->i && strcmp(n->field, f->name) == 0)
			return true;
	return false;
}

/*
 * Writing.
 */

static void	put_text(struct show *s, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

static void
put_text(struct show *s, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	if (s->er == ERR_OK)
		s->er = buf_vprintf(&s->out, lang_text(fmt), ap);
	va_end(ap);
}

static void
put_string(struct show *s, const char *text)
{
	if (s->er == ERR_OK)
		s->er = json_write_string(&s->out, slice_of(text));
}

/* Writes a text in `columns` or more. */
static void
put_padded(struct show *s, struct slice text, int columns)
{
	int	 used = 0;

	if (s->er == ERR_OK)
		s->er = format_line(&s->out, &used, text, TEXT);
	if (s->er == ERR_OK)
		s->er = term_blanks(&s->out, columns - used);
}

/*
 * Values, and where they come from.
 */

/* True: nothing of the value may be shown.  A URL that is wrong can have its password anywhere. */
static bool
is_hidden(const struct show *s, const struct conf_field *f)
{
	struct proxy	 p;

	return f->secrecy == CONF_SECRET || (f->secrecy == CONF_LOGIN && f->value != NULL &&
	    (has_fault(s, f) || proxy_parse(&p, f->value) != NULL));
}

static size_t
length_of(const char *v, const char **unit)
{
	const char	*p;

	*unit = "characters";
	for (p = v; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*unit = "bytes";
	return (size_t)(p - v);
}

/* Writes the address of a proxy without user and password. */
static enum error
write_login(struct buf *word, const char *v)
{
	struct proxy	 p;
	const char	*host;

	if (proxy_parse(&p, v) != NULL)
		return ERR_OK;
	host = strstr(p.where, "://");
	if (host == NULL || (*p.user == '\0' && *p.password == '\0'))
		return buf_puts(word, p.where);
	return buf_printf(word, "%.*s(secret)@%s", (int)(host + 3 - p.where), p.where, host + 3);
}

/* Writes into s->word what is shown of a value. */
static void
write_value(struct show *s, const struct conf_field *f)
{
	const char	*unit, *v = f->value;
	size_t		 len;

	buf_reset(&s->word);
	if (s->er != ERR_OK)
		return;
	if (v == NULL)
		s->er = buf_putc(&s->word, '-');
	else if (is_hidden(s, f)) {
		len = length_of(v, &unit);
		s->er = buf_printf(&s->word, lang_text("(secret, %zu %s)"), len, lang_text(unit));
	} else if (f->secrecy == CONF_LOGIN)
		s->er = write_login(&s->word, v);
	else
		s->er = buf_puts(&s->word, v);
	for (len = 0; len < s->word.len; len++)		/* a list may have line ends */
		if (strchr("\t\n\r", s->word.p[len]) != NULL)
			s->word.p[len] = ' ';
}

enum origin { ORIGIN_NONE, ORIGIN_DEFAULT, ORIGIN_CONFIG, ORIGIN_FILE, ORIGIN_VARIABLE };

static enum origin
origin_of(const struct conf_field *f)
{
	if (f->written == NULL)
		return f->value != NULL ? ORIGIN_DEFAULT : ORIGIN_NONE;
	if (!conf_value_is_indirect(f->written))
		return ORIGIN_CONFIG;
	return *f->written == '@' ? ORIGIN_FILE : ORIGIN_VARIABLE;
}

/* Where a variable comes from; NULL: it is not set. */
static const char *
variable_source(const char *name)
{
	if (environment_gave(name))
		return environment_file();
	return getenv(name) != NULL ? lang_text("the environment") : NULL;
}

static void
put_origin(struct show *s, const struct conf_field *f)
{
	const enum origin	 o = origin_of(f);
	const char		*source = o == ORIGIN_VARIABLE ? variable_source(f->written + 1) :
				    NULL;

	if (o == ORIGIN_DEFAULT)
		put_text(s, "default");
	else if (o == ORIGIN_CONFIG)
		put_padded(s, slice_of(conf_file()), 0);
	else if (o != ORIGIN_NONE)
		put_padded(s, slice_of(f->written), 0);
	if (source != NULL) {
		put_text(s, " from ");
		put_padded(s, slice_of(source), 0);
	}
	if (o == ORIGIN_VARIABLE && conf_value_file(f->written) != NULL) {
		put_text(s, ": ");
		put_padded(s, slice_of(conf_value_file(f->written)), 0);
	}
	if (f->is_default && o > ORIGIN_CONFIG)
		put_text(s, " is %s: default", f->is_text ? lang_text("empty") : "0");
}

/*
 * As text.
 */

static void
put_notes(struct show *s, int i, const char *field)
{
	const struct note	*n;

	for (n = s->notes; n != NULL; n = n->next) {
		if (n->i != i || strcmp(n->field, field) != 0)
			continue;
		put_text(s, "    %s: ", n->fault ? lang_text("failed") : lang_text("warning"));
		put_padded(s, slice_of(n->text), 0);
		put_text(s, "\n");
		s->shown += n->fault;
	}
}

/* Begins the next account, or the settings. */
static void
put_heading(struct show *s, int i)
{
	if (i == -1)
		put_text(s, "\nsettings\n");
	else {
		put_text(s, "\naccounts[%d] ", i);
		put_padded(s, slice_of(conf_label(&s->c.accounts[i])), 0);
		put_text(s, "\n");
	}
}

static void
put_line(struct show *s, const struct conf_field *f)
{
	write_value(s, f);
	put_text(s, "  %-*s", NAME, f->name);
	put_padded(s, buf_slice(&s->word), origin_of(f) == ORIGIN_NONE ? 0 : VALUE);
	if (origin_of(f) != ORIGIN_NONE) {
		put_text(s, "  ");
		put_origin(s, f);
	}
	put_text(s, "\n");
	put_notes(s, f->i, f->name);
}

/*
 * As JSON.
 */

static void
put_json_value(struct show *s, const struct conf_field *f)
{
	const char	*unit;

	if (f->value == NULL)
		put_text(s, "null");
	else if (is_hidden(s, f))
		put_text(s, "null,\"length\":%zu", length_of(f->value, &unit));
	else if (!f->is_text)
		put_text(s, "%s", f->value);
	else {
		buf_reset(&s->word);
		if (s->er == ERR_OK)
			s->er = f->secrecy == CONF_LOGIN ? write_login(&s->word, f->value) :
			    buf_puts(&s->word, f->value);
		if (s->er == ERR_OK)
			s->er = json_write_string(&s->out, buf_slice(&s->word));
	}
}

static void
put_json_origin(struct show *s, const struct conf_field *f)
{
	static const char *const	 names[] = {
		[ORIGIN_NONE] = "none", [ORIGIN_DEFAULT] = "default", [ORIGIN_CONFIG] = "config",
		[ORIGIN_FILE] = "file", [ORIGIN_VARIABLE] = "variable",
	};
	const enum origin		 o = origin_of(f);

	put_text(s, ",\"source\":\"%s\"", names[o]);
	if (o == ORIGIN_FILE || o == ORIGIN_VARIABLE) {
		put_text(s, ",\"name\":");
		put_string(s, f->written + 1);
	}
	if (o == ORIGIN_VARIABLE && variable_source(f->written + 1) != NULL) {
		put_text(s, ",\"from\":");
		put_string(s, variable_source(f->written + 1));
	}
	if (o == ORIGIN_VARIABLE && conf_value_file(f->written) != NULL) {
		put_text(s, ",\"file\":");
		put_string(s, conf_value_file(f->written) + 1);
	}
	put_text(s, ",\"default\":%s", f->is_default ? "true" : "false");
}

static void
put_json_notes(struct show *s, int i, const char *field, bool fault)
{
	const struct note	*n;
	bool			 first = true;

	for (n = s->notes; n != NULL; n = n->next) {
		if (n->i != i || n->fault != fault || strcmp(n->field, field) != 0)
			continue;
		put_text(s, first ? ",\"%s\":[" : ",", fault ? "failed" : "warnings");
		put_string(s, n->text);
		first = false;
		s->shown += fault;
	}
	if (!first)
		put_text(s, "]");
}

static void
put_json_field(struct show *s, const struct conf_field *f)
{
	put_text(s, "%s\"%s\":{\"value\":", s->begun ? ",\n  " : "\n  ", f->name);
	put_json_value(s, f);
	put_text(s, ",\"set\":%s,\"secret\":%s", f->value != NULL ? "true" : "false",
	    f->secrecy != CONF_SHOWN ? "true" : "false");
	put_json_origin(s, f);
	put_json_notes(s, f->i, f->name, true);
	put_json_notes(s, f->i, f->name, false);
	put_text(s, "}");
}

static void
put_json_heading(struct show *s, int i)
{
	if (i == -1)
		put_text(s, ",\n \"settings\":{");
	else if (s->only != -1 || i == 0)
		put_text(s, s->only != -1 ? ",\n \"accounts\":[{" : "},\n \"accounts\":[{");
	else
		put_text(s, "},{");
	s->begun = false;
}

/* A conf_each_field. */
static void
show_field(void *ctx, const struct conf_field *f)
{
	struct show	*s = ctx;

	if (s->only != -1 && s->only != f->i)
		return;
	if (f->i != s->at)
		(s->json ? put_json_heading : put_heading)(s, f->i);
	s->at = f->i;
	(s->json ? put_json_field : put_line)(s, f);
	s->begun = true;
}

/*
 * The program, and the whole.
 */

static const struct library {
	const char	*name;
	const char	*(*version)(void);	/* "": the program has no such library */
} libraries[] = {
	{ "libcurl", http_client_library },
	{ "OpenSSL", ca_store_library },
	{ "Nettle", digest_library },
	{ "jansson", json_library },
	{ "mxml", xmlmap_library },
	{ "SQLite", store_library },
	{ "libpq", store_shared_library },
};

/* The one that may not be there is the last. */
static const struct library *const	libraries_end =
	libraries + sizeof(libraries) / sizeof(libraries[0]);

static void
put_program(struct show *s)
{
	const struct library	*l;

	put_text(s, "qtoa %s, built from ", QTOA_VERSION);
	put_padded(s, slice_of(conf_file()), 0);
	put_text(s, "\n");
	for (l = libraries; l != libraries_end && *l->version() != '\0'; l++)
		put_text(s, "%s%s %s", l == libraries ? "" : ", ",
		    strncmp(l->version(), l->name, strlen(l->name)) == 0 ? lang_text("with") :
		    l->name,
		    l->version());
	put_text(s, "\n");
	if (environment_problem() != NULL) {
		put_padded(s, slice_of(environment_problem()), 0);
		put_text(s, "\n");
	}
}

static void
put_json_program(struct show *s)
{
	const struct library	*l;

	put_text(s, "{\"version\":\"%s\",\n \"config\":", QTOA_VERSION);
	put_string(s, conf_file());
	put_text(s, ",\n \"libraries\":{");
	for (l = libraries; l != libraries_end && *l->version() != '\0'; l++) {
		put_text(s, "%s\"%s\":", l == libraries ? "" : ",", l->name);
		put_string(s, l->version());
	}
	put_text(s, "},\n \"environment\":{\"file\":");
	if (environment_file() == NULL)
		put_text(s, "null");
	else
		put_string(s, environment_file());
	if (environment_problem() != NULL) {
		put_text(s, ",\"problem\":");
		put_string(s, environment_problem());
	}
	put_text(s, "}");
}

static void
put_end(struct show *s)
{
	if (s->json) {
		put_text(s, s->c.n == 0 && s->only == -1 ? "},\n \"accounts\":[" : "}]");
		if (s->c.n == 0)
			put_text(s, "]");
		put_json_notes(s, -1, "accounts", true);
		put_text(s, ",\n \"problems\":%d}\n", s->faults);
		return;
	}
	put_notes(s, -1, "accounts");
	if (s->faults > s->shown)
		put_text(s, "\n%d other value%s cannot be used; run: qtoa config\n",
		    s->faults - s->shown, s->faults - s->shown == 1 ? "" : "s");
}

static int
show_all(struct show *s)
{
	(s->json ? put_json_program : put_program)(s);
	s->at = -2;
	conf_members(&s->c, show_field, s);
	put_end(s);
	if (s->er != ERR_OK) {
		(void)fprintf(stderr, "qtoa: %s\n", error_table[s->er].name);
		return CLI_WRONG;
	}
	(void)fwrite(s->out.p, 1, s->out.len, stdout);
	return s->faults == 0 ? CLI_DONE : CLI_WRONG;
}

/* False: there is no such account. */
static bool
choose_account(struct show *s, const char *name)
{
	const struct account	*a;

	s->only = -1;
	if (name == NULL)
		return true;
	if ((a = conf_find(&s->c, name)) == NULL) {
		(void)fprintf(stderr, lang_text("qtoa: there is no account %s; qtoa config lists "
		    "the accounts\n"), name);
		return false;
	}
	s->only = (int)(a - s->c.accounts);
	return true;
}

int
cmd_config_run(struct conf *c, int problems, int argc, char **argv)
{
	struct show	 s = { .er = ERR_OK };
	struct note	*n;
	const char	*name = NULL;
	int		 i, rc = CLI_WRONG;

	(void)c, (void)problems;	/* here each problem has to stand beside its value */
	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			s.json = true;
		else if (*argv[i] == '-' || name != NULL)
			return cli_usage("config");
		else
			name = argv[i];
	(void)environment_load();
	(void)conf_load_faults(&s.c, add_fault, &s);
	conf_warn_all(&s.c, add_warning, &s);
	conf_warn_files(&s.c, add_warning, &s);
	if (choose_account(&s, name))
		rc = show_all(&s);
	while ((n = s.notes) != NULL) {
		s.notes = n->next;
		free(n);
	}
	buf_free(&s.out);
	buf_free(&s.word);
	conf_free(&s.c);
	return rc;
}
