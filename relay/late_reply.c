#include <string.h>

#include "core/json_write.h"
#include "passive.h"
#include "relay/late_reply.h"
#include "wechat/xml_scan.h"

enum { FIELDS = 5 };

/*
 * Each type: the element of the reply that holds the fields (NULL: the root; after a slash: the
 * element in that), what is around them in JSON, and the fields: an element's name, then JSON's.
 */
static const struct shape {
	const char	*type, *group, *begin, *end;
	const char	*fields[FIELDS][2];
} shapes[] = {
	{ "text", NULL, "\"text\":{", "}", { { "Content", "content" } } },
	{ "image", "Image", "\"image\":{", "}", { { "MediaId", "media_id" } } },
	{ "voice", "Voice", "\"voice\":{", "}", { { "MediaId", "media_id" } } },
	{ "video", "Video", "\"video\":{", "}", { { "MediaId", "media_id" },
	    { "Title", "title" }, { "Description", "description" } } },
	{ "music", "Music", "\"music\":{", "}", { { "Title", "title" },
	    { "Description", "description" }, { "MusicUrl", "musicurl" },
	    { "HQMusicUrl", "hqmusicurl" }, { "ThumbMediaId", "thumb_media_id" } } },
	{ "news", "Articles/item", "\"news\":{\"articles\":[{", "}]}", { { "Title", "title" },
	    { "Description", "description" }, { "Url", "url" }, { "PicUrl", "picurl" } } },
};

static const struct shape *
find_shape(struct slice type)
{
	size_t	 i;

	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (slice_is(type, shapes[i].type))
			return &shapes[i];
	return NULL;
}

/* Replaces what is in out by <xml> around the raw inside of a child of such an <xml>. */
static enum error
enter_child(struct buf *out, const char *name, size_t len, struct slice xml)
{
	char		 child[32];
	const char	*names[1] = { child };
	struct slice	 inside;
	bool		 stray;
	enum error	 er;

	if (len >= sizeof(child))
		return ERR_REQUEST;
	memcpy(child, name, len);
	child[len] = '\0';
	if ((er = xml_scan_children(&inside, &stray, names, 1, xml)) != ERR_OK)
		return er;
	if (inside.p == NULL)
		return ERR_REQUEST;
	buf_reset(out);
	if ((er = buf_puts(out, "<xml>")) == ERR_OK &&
	    (er = buf_put(out, inside.p, inside.len)) == ERR_OK)
		er = buf_puts(out, "</xml>");
	return er;
}

/* Goes down a path such as "Articles/item"; the result is in one of the bufs. */
static enum error
enter_group(struct slice *group, struct buf b[2], const char *path, struct slice xml)
{
	enum error	 er = ERR_OK;
	size_t		 len;
	int		 i = 0;

	*group = xml;
	for (; path != NULL && *path != '\0' && er == ERR_OK; i = !i) {
		len = strcspn(path, "/");
		er = enter_child(&b[i], path, len, *group);
		*group = buf_slice(&b[i]);
		path += len + (path[len] == '/');
	}
	return er;
}

static enum error
append_fields(struct buf *out, struct buf *text, const struct shape *shape, struct slice group)
{
	enum error	 er = ERR_OK;
	bool		 more = false;
	size_t		 i;

	for (i = 0; i < FIELDS && shape->fields[i][0] != NULL && er == ERR_OK; i++) {
		buf_reset(text);
		if (xml_scan_child(text, group, shape->fields[i][0]) != ERR_OK)
			continue;
		if ((er = buf_printf(out, "%s\"%s\":", more ? "," : "",
		    shape->fields[i][1])) == ERR_OK)
			er = json_write_value(out, buf_slice(text));
		more = true;
	}
	return er;
}

enum error
late_reply_write(struct buf *out, struct slice xml, struct slice user)
{
	const struct shape	*shape;
	struct buf		 text = { 0 }, groups[2] = { { 0 } };
	struct slice		 group;
	enum error		 er;

	if ((er = xml_scan_child(&text, xml, "MsgType")) != ERR_OK)
		goto out;
	if ((shape = find_shape(buf_slice(&text))) == NULL)
		er = ERR_REQUEST;
	else if ((er = enter_group(&group, groups, shape->group, xml)) == ERR_OK &&
	    (er = buf_puts(out, "{\"touser\":")) == ERR_OK &&
	    (er = json_write_value(out, user)) == ERR_OK &&
	    (er = buf_printf(out, ",\"msgtype\":\"%s\",%s", shape->type, shape->begin)) == ERR_OK &&
	    (er = append_fields(out, &text, shape, group)) == ERR_OK)
		er = buf_printf(out, "%s}", shape->end);
out:
	buf_free(&text);
	buf_free(&groups[0]);
	buf_free(&groups[1]);
	return er;
}
