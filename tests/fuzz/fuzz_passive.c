#include <string.h>

#include "fuzz.h"
#include "passive.h"

#define USER	"oUser"

static const struct account	 account = {
	.path = "p", .appid = "wx0123456789abcdef", .token = "token",
	.aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
};

/* core/conf.c has the values of a configuration, too, which no target needs. */
bool
conf_is_set(const char *value)
{
	return value != NULL && *value != '\0';
}

/* A reply that was judged as good is so after it was encrypted. */
static void
check_packed(struct crypto *c, struct slice xml)
{
	struct passive_judged	 j = { .is = PASSIVE_EMPTY };
	struct buf		 out = { .p = NULL };

	must(passive_pack(&out, c, &account, xml, 1) == ERR_OK, "packed");
	must(passive_judge(&j, c, &account, slice_of(USER), buf_slice(&out)) == ERR_OK &&
	    j.is == PASSIVE_SEALED, "sealed");
	must(j.xml.len == xml.len && memcmp(j.xml.p, xml.p, xml.len) == 0, "the same");
	passive_judged_free(&j);
	buf_free(&out);
}

/* A text of any bytes becomes a good reply. */
static void
check_written(struct crypto *c, struct slice text)
{
	const struct passive	 p = { .type = PASSIVE_TEXT, .v = { [PASSIVE_CONTENT] = text } };
	struct passive_judged	 j = { .is = PASSIVE_EMPTY };
	struct buf		 out = { .p = NULL };

	must(passive_write(&out, &p, slice_of(USER), slice_of("gh"), 1) == ERR_OK, "written");
	must(passive_judge(&j, c, &account, slice_of(USER), buf_slice(&out)) == ERR_OK, "judged");
	/* Of control characters alone nothing is left. */
	must(j.is == PASSIVE_PLAIN || strstr(j.why, "empty") != NULL, "good");
	passive_judged_free(&j);
	buf_free(&out);
}

/* The body of a back end's answer; the same bytes as a user's text. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char			*p = exactly(data, size);
	const struct slice	 body = { p, size };
	struct crypto		*c = crypto_new();
	struct passive_judged	 j = { .is = PASSIVE_EMPTY };

	must(c != NULL && passive_judge(&j, c, &account, slice_of(USER), body) == ERR_OK,
	    "judged");
	must((j.is == PASSIVE_BAD) == (*j.why != '\0'), "why");
	if (j.is == PASSIVE_PLAIN)
		check_packed(c, j.xml);
	if (size != 0)
		check_written(c, body);
	passive_judged_free(&j);
	crypto_free(c);
	free(p);
	return 0;
}
