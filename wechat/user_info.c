#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/json_write.h"
#include "core/number.h"
#include "wechat/user_info.h"

enum { TAGS_MAX = 100, PATH = 64 };

/* Appends the text or the integer that a path leads to.  False: there is no such value. */
static bool
append_json_value(const struct json *j, struct buf *out, const char *path)
{
	char	 why[JSON_WHY];

	return json_path(j, out, slice_of(path), why) == JSON_FOUND;
}

/* False: there is no number at the path. */
static bool
read_json_number(const struct json *j, int64_t *n, const char *path)
{
	struct buf	 text = { 0 };
	bool		 is_there;

	is_there = append_json_value(j, &text, path) && number_parse(n, buf_slice(&text));
	buf_free(&text);
	return is_there;
}

/* Appends the openid at a path, with its NUL.  False: there is nothing that can be one. */
static bool
append_openid(const struct json *j, struct buf *out, const char *path)
{
	const size_t	 begin = out->len;

	if (append_json_value(j, out, path) && out->len != begin &&
	    out->len - begin <= USER_INFO_OPENID &&
	    memchr(out->p + begin, '\0', out->len - begin) == NULL &&
	    buf_putc(out, '\0') == ERR_OK)
		return true;
	out->len = begin;
	return false;
}

bool
user_info_read_list(struct user_list *l, struct slice answer)
{
	struct json	*j = json_parse_any(answer);
	int64_t		 count = -1;
	char		 path[PATH];
	size_t		 i;

	l->openids.len = l->next.len = l->n = 0;
	if (j == NULL)
		return false;
	if (!read_json_number(j, &l->total, "$.total") || !read_json_number(j, &count, "$.count")) {
		json_free(j);
		return false;
	}
	for (i = 0; (int64_t)i < count && i < USER_INFO_PAGE; i++) {
		(void)snprintf(path, sizeof(path), "$.data.openid[%zu]", i);
		l->n += append_openid(j, &l->openids, path);
	}
	(void)append_json_value(j, &l->next, "$.next_openid");
	json_free(j);
	return (count == 0 || l->n != 0) && buf_putc(&l->next, '\0') == ERR_OK;
}

enum error
user_info_ask(struct buf *body, const char *openids, size_t n)
{
	enum error	 er;
	size_t		 i;

	body->len = 0;
	er = buf_puts(body, "{\"user_list\":[");
	for (i = 0; i < n && er == ERR_OK; i++, openids += strlen(openids) + 1)
		if ((er = buf_puts(body, i == 0 ? "{\"openid\":" : ",{\"openid\":")) == ERR_OK &&
		    (er = json_write_string(body, slice_of(openids))) == ERR_OK)
			er = buf_puts(body, ",\"lang\":\"zh_CN\"}");
	return er == ERR_OK ? buf_puts(body, "]}") : er;
}

bool
user_info_open(struct user_info_answer *r, struct slice answer)
{
	*r = (struct user_info_answer){ .json = json_parse_any(answer) };
	if (r->json == NULL || !append_json_value(r->json, &r->text, "$.user_info_list[0].openid"))
		return false;
	r->text.len = 0;
	return true;
}

/* Appends the numbers of the user's tags as a JSON array. */
static bool
append_tags(struct user_info_answer *r)
{
	const size_t	 begin = r->text.len;
	char		 path[PATH];
	size_t		 i, len;
	int64_t		 tag;

	if (buf_putc(&r->text, '[') != ERR_OK)
		return false;
	for (i = 0; i < TAGS_MAX; i++) {
		(void)snprintf(path, sizeof(path), "$.user_info_list[%zu].tagid_list[%zu]",
		    r->next, i);
		len = r->text.len;
		if (!append_json_value(r->json, &r->text, path))
			break;
		if (!number_parse(&tag, (struct slice){ r->text.p + len, r->text.len - len })) {
			r->text.len = len;
			continue;
		}
		if (buf_putc(&r->text, ',') != ERR_OK)
			return false;
	}
	if (r->text.len > begin + 1)
		r->text.len--;
	return buf_putc(&r->text, ']') == ERR_OK;
}

bool
user_info_next(struct user_info_answer *r, struct user_info *u)
{
	const struct {
		const char	*name;
		struct slice	*to;
		int64_t		*number;
	} members[] = {
		{ "openid", &u->openid, NULL }, { "unionid", &u->unionid, NULL },
		{ "subscribe_scene", &u->scene, NULL }, { "qr_scene_str", &u->qr_scene_str, NULL },
		{ "language", &u->language, NULL }, { "remark", &u->remark, NULL },
		{ NULL, &u->tags, NULL },
		{ "subscribe", NULL, NULL },
		{ "subscribe_time", NULL, &u->subscribe_time }, { "qr_scene", NULL, &u->qr_scene },
	};
	enum { MEMBERS = sizeof(members) / sizeof(members[0]) };
	size_t	 end[MEMBERS + 1] = { 0 }, i;
	char	 path[PATH];

	*u = (struct user_info){ 0 };
	r->text.len = 0;
	for (i = 0; i < MEMBERS; i++) {
		(void)snprintf(path, sizeof(path), "$.user_info_list[%zu].%s", r->next,
		    members[i].name == NULL ? "" : members[i].name);
		if (members[i].name != NULL)
			(void)append_json_value(r->json, &r->text, path);
		else if (!append_tags(r))
			return false;
		end[i + 1] = r->text.len;
		if (i == 0 && r->text.len == 0)
			return false;
	}
	r->next++;
	for (i = 0; i < MEMBERS; i++) {
		const struct slice	 s = { r->text.p + end[i], end[i + 1] - end[i] };

		if (members[i].to != NULL)
			*members[i].to = s;
		else if (members[i].number != NULL)
			(void)number_parse(members[i].number, s);
		else
			u->follows = slice_is(s, "1");
	}
	return true;
}

void
user_info_close(struct user_info_answer *r)
{
	json_free(r->json);
	buf_free(&r->text);
}

bool
user_info_read_quota(struct user_info_quota *q, struct slice answer)
{
	struct json	*j = json_parse_any(answer);
	bool		 good;

	good = j != NULL && read_json_number(j, &q->daily_limit, "$.quota.daily_limit") &&
	    read_json_number(j, &q->remain, "$.quota.remain");
	json_free(j);
	return good;
}
