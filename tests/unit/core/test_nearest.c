#include <string.h>

#include "core/nearest.h"
#include "tests/unit/unit.h"

static const char *const	 verbs[] = {
	"check", "map", "send", "queue", "drain", "report", "token", "datacube", "reconcile",
	"status", "completion", "help", "-V", "-h",
};

static const struct {
	const char	*word, *want;	/* "": there is no near word */
} cases[] = {
	{ "stauts", "status" }, { "staus", "status" }, { "statsu", "status" },
	{ "sttaus", "status" }, { "statuss", "status" }, { "STATUS", "status" },
	{ "stat", "status" }, { "recon", "reconcile" }, { "dta_cube", "datacube" },
	{ "quee", "queue" }, { "qeueu", "queue" }, { "queu", "queue" }, { "sned", "send" },
	{ "dran", "drain" }, { "darin", "drain" }, { "mpa", "map" }, { "-v", "-V" }, { "-H", "-h" },
	{ "hlep", "help" }, { "halp", "help" }, { "tokne", "token" }, { "chek", "check" },
	{ "nonsense", "" }, { "", "" }, { "x", "" }, { "-x", "" }, { "eat", "" }, { "qt", "" },
	{ "re", "" }, { "abcdefghijklmnopqrstuvwxyz", "" }, { "sttusatt", "" },
	{ "statusstatusstatusstatusstatusstatusstatusstatusstatusstatusstatus", "" },
	{ "\xE7\x8A\xB6\xE6\x80\x81", "" },
};

static void
words(void **state)
{
	struct nearest	 n;
	size_t		 i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		nearest_begin(&n, slice_of(cases[i].word));
		for (k = 0; k < COUNT(verbs); k++)
			nearest_try_text(&n, verbs[k]);
		check_text(cases[i].word, n.best == NULL ? "" : n.best, cases[i].want);
	}
}

/* The first of two that are as near is the answer, and a nearer one takes its place. */
static void
order(void **state)
{
	struct nearest	 n;

	(void)state;
	nearest_begin(&n, slice_of("tokem"));
	nearest_try(&n, slice_of("tokens"), "far");
	check_text("two mistakes", n.best, "far");
	nearest_try_text(&n, "token");
	nearest_try_text(&n, "tokex");
	check_text("one mistake", n.best, "token");
	nearest_begin(&n, slice_of("aes-kye"));
	nearest_try_text(&n, "aes_key");
	check_text("a dash", n.best, "aes_key");
}

/* The length of a word is bounded, whatever is compared. */
static void
lengths(void **state)
{
	char		 text[3 * NEAREST_WORD];
	struct nearest	 n;
	size_t		 len;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (len = 0; len < sizeof(text); len++) {
		nearest_begin(&n, (struct slice){ text, len });
		nearest_try(&n, (struct slice){ text, len }, "same");
		CHECK("same", (n.best != NULL) == (len > 0 && len <= NEAREST_WORD));
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(words), TEST(order), TEST(lengths) };

	return RUN("nearest", tests);
}
