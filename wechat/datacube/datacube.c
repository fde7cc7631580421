#include <string.h>

#include "core/calendar.h"
#include "core/number.h"
#include "wechat/datacube/datacube.h"

enum {
	HOUR_S	= 3600,
	READY_S	= 8 * HOUR_S,	/* after midnight, when numbers are ready */
	DELAYED_DAYS = 3,	/* after a unit, in which it is asked for again if delayed */
	FIRST_DAYS = 30		/* days to ask for in the first pull */
};

/* First days of the older interfaces, the newer ones, and those for ads. */
#define CLASSIC	"2014-12-01"
#define NEWER	"2025-11-01"
#define ADS	"2016-01-01"

/*
 * Groups of fields, which the tables below consist of.
 */

static const struct datacube_field	 day[] = {
	{ "ref_date", DATACUBE_TEXT, true, NULL }, { 0 },
};

static const struct datacube_field	 ref_hour[] = {
	{ "ref_hour", DATACUBE_INT, true, NULL }, { 0 },
};

static const struct datacube_field	 user_source[] = {
	{ "user_source", DATACUBE_INT, true, NULL }, { 0 },
};

static const struct datacube_field	 stat_date[] = {
	{ "stat_date", DATACUBE_TEXT, true, NULL }, { 0 },
};

static const struct datacube_field	 msgid[] = {
	{ "msgid", DATACUBE_TEXT, true, NULL }, { 0 },
};

static const struct datacube_field	 followers[] = {
	{ "new_user", DATACUBE_INT, false, NULL },
	{ "cancel_user", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 cumulate[] = {
	{ "cumulate_user", DATACUBE_INT, false, NULL }, { 0 },
};

static const struct datacube_field	 reads[] = {
	{ "int_page_read_user", DATACUBE_INT, false, NULL },
	{ "int_page_read_count", DATACUBE_INT, false, NULL },
	{ "ori_page_read_user", DATACUBE_INT, false, NULL },
	{ "ori_page_read_count", DATACUBE_INT, false, NULL },
	{ "share_user", DATACUBE_INT, false, NULL },
	{ "share_count", DATACUBE_INT, false, NULL },
	{ "add_to_fav_user", DATACUBE_INT, false, NULL },
	{ "add_to_fav_count", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 article[] = {
	{ "msgid", DATACUBE_TEXT, true, NULL },
	{ "user_source", DATACUBE_INT, true, NULL },
	{ "title", DATACUBE_TEXT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 article_total[] = {
	{ "msgid", DATACUBE_TEXT, true, NULL },
	{ "user_source", DATACUBE_INT, true, NULL },
	{ "title", DATACUBE_TEXT, false, NULL },
	{ "url", DATACUBE_TEXT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 article_ways[] = {
	{ "target_user", DATACUBE_INT, false, NULL },
	{ "int_page_from_session_read_user", DATACUBE_INT, false, NULL },
	{ "int_page_from_session_read_count", DATACUBE_INT, false, NULL },
	{ "int_page_from_hist_msg_read_user", DATACUBE_INT, false, NULL },
	{ "int_page_from_hist_msg_read_count", DATACUBE_INT, false, NULL },
	{ "int_page_from_feed_read_user", DATACUBE_INT, false, NULL },
	{ "int_page_from_feed_read_count", DATACUBE_INT, false, NULL },
	{ "int_page_from_friends_read_user", DATACUBE_INT, false, NULL },
	{ "int_page_from_friends_read_count", DATACUBE_INT, false, NULL },
	{ "int_page_from_other_read_user", DATACUBE_INT, false, NULL },
	{ "int_page_from_other_read_count", DATACUBE_INT, false, NULL },
	{ "int_page_from_kanyikan_read_user", DATACUBE_INT, false, NULL },
	{ "int_page_from_kanyikan_read_count", DATACUBE_INT, false, NULL },
	{ "int_page_from_souyisou_read_user", DATACUBE_INT, false, NULL },
	{ "int_page_from_souyisou_read_count", DATACUBE_INT, false, NULL },
	{ "feed_share_from_session_user", DATACUBE_INT, false, NULL },
	{ "feed_share_from_session_cnt", DATACUBE_INT, false, NULL },
	{ "feed_share_from_feed_user", DATACUBE_INT, false, NULL },
	{ "feed_share_from_feed_cnt", DATACUBE_INT, false, NULL },
	{ "feed_share_from_other_user", DATACUBE_INT, false, NULL },
	{ "feed_share_from_other_cnt", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 share_scene[] = {
	{ "share_scene", DATACUBE_INT, true, NULL }, { 0 },
};

static const struct datacube_field	 shares[] = {
	{ "share_count", DATACUBE_INT, false, NULL },
	{ "share_user", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 read_user[] = {
	{ "read_user", DATACUBE_INT, false, NULL }, { 0 },
};

static const struct datacube_field	 share_user[] = {
	{ "share_user", DATACUBE_INT, false, NULL }, { 0 },
};

/* Fields of WeChat's list read_user_source. */
static const struct datacube_field	 scene[] = {
	{ "scene_desc", DATACUBE_TEXT, true, NULL },
	{ "user_count", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 reactions[] = {
	{ "read_user", DATACUBE_INT, false, NULL },
	{ "share_user", DATACUBE_INT, false, NULL },
	{ "zaikan_user", DATACUBE_INT, false, NULL },
	{ "like_user", DATACUBE_INT, false, NULL },
	{ "comment_count", DATACUBE_INT, false, NULL },
	{ "collection_user", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 biz[] = {
	{ "redirect_ori_page_user", DATACUBE_INT, false, NULL },
	{ "send_page_count", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 published[] = {
	{ "msgid", DATACUBE_TEXT, true, NULL },
	{ "publish_type", DATACUBE_INT, false, NULL },
	{ "title", DATACUBE_TEXT, false, NULL },
	{ "content_url", DATACUBE_TEXT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 attention[] = {
	{ "praise_money", DATACUBE_INT, false, NULL },
	{ "read_subscribe_user", DATACUBE_INT, false, NULL },
	{ "read_delivery_rate", DATACUBE_REAL, false, NULL },
	{ "read_finish_rate", DATACUBE_REAL, false, NULL },
	{ "read_avg_activetime", DATACUBE_REAL, false, NULL },
	{ 0 },
};

/* Fields of WeChat's list read_jump_position. */
static const struct datacube_field	 jump[] = {
	{ "position", DATACUBE_INT, true, NULL },
	{ "rate", DATACUBE_REAL, false, NULL },
	{ 0 },
};

static const struct datacube_field	 msg_type[] = {
	{ "msg_type", DATACUBE_INT, true, NULL },
	{ "user_source", DATACUBE_INT, true, NULL },
	{ 0 },
};

static const struct datacube_field	 messages[] = {
	{ "msg_user", DATACUBE_INT, false, NULL },
	{ "msg_count", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 interval[] = {
	{ "count_interval", DATACUBE_INT, true, NULL },
	{ "user_source", DATACUBE_INT, true, NULL },
	{ "msg_user", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 calls[] = {
	{ "callback_count", DATACUBE_INT, false, NULL },
	{ "fail_count", DATACUBE_INT, false, NULL },
	{ "total_time_cost", DATACUBE_INT, false, NULL },
	{ "max_time_cost", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 ad_day[] = {
	{ "date", DATACUBE_TEXT, true, NULL }, { 0 },
};

static const struct datacube_field	 ad_slot[] = {
	{ "ad_slot", DATACUBE_TEXT, true, NULL },
	{ "slot_id", DATACUBE_INT, true, NULL },
	{ 0 },
};

static const struct datacube_field	 ad_general[] = {
	{ "req_succ_count", DATACUBE_INT, false, NULL },
	{ "exposure_count", DATACUBE_INT, false, NULL },
	{ "exposure_rate", DATACUBE_REAL, false, NULL },
	{ "click_count", DATACUBE_INT, false, NULL },
	{ "click_rate", DATACUBE_REAL, false, NULL },
	{ "income", DATACUBE_INT, false, NULL },
	{ "ecpm", DATACUBE_REAL, false, NULL },
	{ 0 },
};

static const struct datacube_field	 cps_general[] = {
	{ "exposure_count", DATACUBE_INT, false, NULL },
	{ "click_count", DATACUBE_INT, false, NULL },
	{ "click_rate", DATACUBE_REAL, false, NULL },
	{ "order_count", DATACUBE_INT, false, NULL },
	{ "order_rate", DATACUBE_REAL, false, NULL },
	{ "total_fee", DATACUBE_INT, false, NULL },
	{ "total_commission", DATACUBE_INT, false, NULL },
	{ 0 },
};

/* WeChat's date is the day of the settlement.  month and order tell which half it is for. */
static const struct datacube_field	 half[] = {
	{ "ref_date", DATACUBE_TEXT, true,
	    "substr(json_extract(v, '$.month'), 1, 4) || '-' || "
	    "substr(json_extract(v, '$.month'), -2) || "
	    "CASE json_extract(v, '$.order') WHEN 2 THEN '-16' ELSE '-01' END" },
	{ 0 },
};

static const struct datacube_field	 settlement[] = {
	{ "date", DATACUBE_TEXT, false, NULL },
	{ "zone", DATACUBE_TEXT, false, NULL },
	{ "month", DATACUBE_TEXT, false, NULL },
	{ "order", DATACUBE_INT, false, NULL },
	{ "sett_status", DATACUBE_INT, false, NULL },
	{ "settled_revenue", DATACUBE_INT, false, NULL },
	{ "sett_no", DATACUBE_TEXT, false, NULL },
	{ "mail_send_cnt", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 slot_revenue[] = {
	{ "slot_id", DATACUBE_TEXT, true, NULL },
	{ "slot_settled_revenue", DATACUBE_INT, false, NULL },
	{ 0 },
};

static const struct datacube_field	 revenue[] = {
	{ "body", DATACUBE_TEXT, false, NULL },
	{ "penalty_all", DATACUBE_INT, false, NULL },
	{ "revenue_all", DATACUBE_INT, false, NULL },
	{ "settled_revenue_all", DATACUBE_INT, false, NULL },
	{ 0 },
};

/*
 * Interfaces, in the order in which they are asked.
 */

#define DAILY	DATACUBE_DAY
#define TABLE(n, ...)	{ .name = n, .list = "list", .groups = { day, __VA_ARGS__ } }

const struct datacube_endpoint	 datacube_endpoints[] = {
	{ "getusersummary", false, 7, DAILY, CLASSIC, 0,
	    { TABLE("getusersummary", user_source, followers) } },
	{ "getusercumulate", false, 7, DAILY, CLASSIC, 0,
	    { TABLE("getusercumulate", user_source, cumulate) } },

	{ "getarticlesummary", false, 1, DAILY, CLASSIC, 0,
	    { TABLE("getarticlesummary", article, reads) } },
	{ "getarticletotal", false, 1, DAILY, CLASSIC, 7, {
	    TABLE("getarticletotal", article_total),
	    { .name = "getarticletotal_details", .list = "details",
	      .groups = { stat_date, reads, article_ways } } } },
	{ "getuserread", false, 3, DAILY, CLASSIC, 0,
	    { TABLE("getuserread", user_source, reads) } },
	{ "getuserreadhour", false, 1, DAILY, CLASSIC, 0,
	    { TABLE("getuserreadhour", ref_hour, user_source, reads) } },
	{ "getusershare", false, 7, DAILY, CLASSIC, 0,
	    { TABLE("getusershare", share_scene, shares) } },
	{ "getusersharehour", false, 1, DAILY, CLASSIC, 0,
	    { TABLE("getusersharehour", ref_hour, share_scene, shares) } },

	{ "getarticleread", false, 1, DAILY, NEWER, 0, {
	    { .name = "getarticleread", .list = "list", .merge = "detail",
	      .groups = { day, msgid, read_user } },
	    { .name = "getarticleread_source", .list = "read_user_source",
	      .groups = { scene } } } },
	{ "getarticleshare", false, 1, DAILY, NEWER, 0, {
	    { .name = "getarticleshare", .list = "list", .merge = "detail",
	      .groups = { day, msgid, share_user } } } },
	{ "getbizsummary", false, 30, DAILY, NEWER, 0, {
	    { .name = "getbizsummary", .list = "list", .merge = "detail",
	      .groups = { day, reactions, biz } },
	    { .name = "getbizsummary_source", .list = "read_user_source",
	      .groups = { scene } } } },
	{ "getarticletotaldetail", false, 1, DAILY, NEWER, 30, {
	    TABLE("getarticletotaldetail", published),
	    { .name = "getarticletotaldetail_day", .list = "detail_list",
	      .groups = { stat_date, reactions, attention } },
	    { .name = "getarticletotaldetail_source", .list = "read_user_source", .in = 1,
	      .groups = { scene } },
	    { .name = "getarticletotaldetail_jump", .list = "read_jump_position", .in = 1,
	      .groups = { jump } } } },

	{ "getupstreammsg", false, 7, DAILY, CLASSIC, 0,
	    { TABLE("getupstreammsg", msg_type, messages) } },
	{ "getupstreammsghour", false, 1, DAILY, CLASSIC, 0,
	    { TABLE("getupstreammsghour", ref_hour, msg_type, messages) } },
	{ "getupstreammsgweek", false, 30, DATACUBE_WEEK, CLASSIC, 0,
	    { TABLE("getupstreammsgweek", msg_type, messages) } },
	{ "getupstreammsgmonth", false, 30, DATACUBE_MONTH, CLASSIC, 0,
	    { TABLE("getupstreammsgmonth", msg_type, messages) } },
	{ "getupstreammsgdist", false, 15, DAILY, CLASSIC, 0,
	    { TABLE("getupstreammsgdist", interval) } },
	{ "getupstreammsgdistweek", false, 30, DATACUBE_WEEK, CLASSIC, 0,
	    { TABLE("getupstreammsgdistweek", interval) } },
	/* One page of WeChat's documentation says 30 days, a newer one 15. */
	{ "getupstreammsgdistmonth", false, 15, DATACUBE_MONTH, CLASSIC, 0,
	    { TABLE("getupstreammsgdistmonth", interval) } },

	{ "getinterfacesummary", false, 30, DAILY, CLASSIC, 0,
	    { TABLE("getinterfacesummary", calls) } },
	{ "getinterfacesummaryhour", false, 1, DAILY, CLASSIC, 0,
	    { TABLE("getinterfacesummaryhour", ref_hour, calls) } },

	{ "publisher_adpos_general", true, 90, DAILY, ADS, 0, {
	    { .name = "publisher_adpos_general", .list = "list",
	      .groups = { ad_day, ad_slot, ad_general } } } },
	{ "publisher_cps_general", true, 60, DAILY, ADS, 0, {
	    { .name = "publisher_cps_general", .list = "list",
	      .groups = { ad_day, cps_general } } } },
	/* A settlement takes a month or two, and its status changes until then. */
	{ "publisher_settlement", true, 0, DATACUBE_HALF, ADS, 62, {
	    { .name = "publisher_settlement", .list = "settlement_list",
	      .groups = { half, settlement } },
	    { .name = "publisher_settlement_slot", .list = "slot_revenue",
	      .groups = { slot_revenue } },
	    { .name = "publisher_settlement_account", .groups = { revenue } } } },
	{ 0 },
};

const struct datacube_endpoint *
datacube_find(const char *name)
{
	const struct datacube_endpoint	*e;

	for (e = datacube_endpoints; e->name != NULL; e++)
		if (strcmp(e->name, name) == 0)
			return e;
	return NULL;
}

const struct datacube_table *
datacube_table(const char *name, const struct datacube_endpoint **out)
{
	const struct datacube_endpoint	*e;
	size_t				 i;

	for (e = datacube_endpoints; e->name != NULL; e++)
		for (i = 0; i < DATACUBE_TABLES && e->tables[i].name != NULL; i++)
			if (strcmp(e->tables[i].name, name) == 0) {
				*out = e;
				return &e->tables[i];
			}
	return NULL;
}

const struct datacube_field *
datacube_next_field(const struct datacube_table *t, const struct datacube_field *f)
{
	const struct datacube_field	*p;
	size_t				 i;
	bool				 found = f == NULL;

	for (i = 0; i < DATACUBE_GROUPS && t->groups[i] != NULL; i++)
		for (p = t->groups[i]; p->name != NULL; p++) {
			if (found)
				return p;
			found = p == f;
		}
	return NULL;
}

/*
 * Units: days, weeks, months, halves of a month.
 */

int64_t
datacube_ready(int64_t now_s)
{
	return calendar_day_at(now_s - READY_S) - 1;
}

static int
day_of_month(int64_t d)
{
	char	 text[CALENDAR_DAY_TEXT];
	int64_t	 n = 0;

	calendar_day_text(text, d);
	(void)number_parse(&n, (struct slice){ text + strlen("2026-11-"), 2 });
	return (int)n;
}

static bool
is_unit_start(enum datacube_unit unit, int64_t d)
{
	enum { WEEK = 7, MONDAY = 4 };	/* day 4, 1970-01-05, was a Monday */
	int	 dom;

	switch (unit) {
	case DATACUBE_DAY:
		return true;
	case DATACUBE_WEEK:
		return (d - MONDAY) % WEEK == 0;
	case DATACUBE_MONTH:
		return day_of_month(d) == 1;
	case DATACUBE_HALF:
		dom = day_of_month(d);
		return dom == 1 || dom == 16;
	}
	return false;
}

int64_t
datacube_unit(const struct datacube_endpoint *e, int64_t d)
{
	while (!is_unit_start(e->unit, d))
		d++;
	return d;
}

int64_t
datacube_unit_end(const struct datacube_endpoint *e, int64_t unit)
{
	return datacube_unit(e, unit + 1) - 1;
}

struct datacube_span
datacube_range(const struct datacube_endpoint *e, int64_t from, int64_t to, int64_t now_s)
{
	const int64_t	 ready = datacube_ready(now_s);
	int64_t		 least = 0;

	(void)calendar_parse_day(&least, slice_of(e->floor));
	if (from == DATACUBE_DEFAULT) {
		from = ready - FIRST_DAYS + 1;
		while (datacube_unit_end(e, datacube_unit(e, from)) > ready)
			from--;
	}
	if (from < least)
		from = least;
	if (to == DATACUBE_DEFAULT || to > ready)
		to = ready;
	return (struct datacube_span){ to < from ? from : datacube_unit(e, from), to };
}

/* The unit was asked for on the first day on which its numbers could be ready. */
static bool
was_fresh(int64_t end, const struct datacube_known *k)
{
	return calendar_day_at(k->asked_s) <= end + 1;
}

/* The answer was empty too early, or delayed: a later one may have more. */
static bool
is_doubtful(const struct datacube_endpoint *e, int64_t unit, const struct datacube_known *k)
{
	const int64_t	 end = datacube_unit_end(e, unit);

	if (k->asked_s == 0)
		return false;
	return (k->rows == 0 && k->times < 2 && was_fresh(end, k)) ||
	    (k->delayed && calendar_day_at(k->asked_s) <= end + DELAYED_DAYS);
}

/* WeChat has numbers of a later day for this unit than at the time of the answer. */
static bool
has_grown(const struct datacube_endpoint *e, int64_t unit, const struct datacube_known *k,
    int64_t now_s)
{
	const int64_t	 last = datacube_unit_end(e, unit) + e->grows;
	const int64_t	 ready = datacube_ready(now_s);

	return datacube_ready(k->asked_s) < (ready < last ? ready : last);
}

bool
datacube_is_due(const struct datacube_endpoint *e, int64_t unit, const struct datacube_known *k,
    int64_t now_s)
{
	if (k->asked_s == 0 || (e->grows != 0 && has_grown(e, unit, k, now_s)))
		return true;
	return is_doubtful(e, unit, k) && now_s >= k->asked_s + DATACUBE_AGAIN_S;
}

bool
datacube_is_due_later(const struct datacube_endpoint *e, int64_t unit,
    const struct datacube_known *k, int64_t now_s)
{
	return is_doubtful(e, unit, k) && !datacube_is_due(e, unit, k, now_s);
}

/*
 * The last day of a call that asks for units up to this one.  A call for halves of a month names
 * all their days; for a week or month its first day is enough.
 */
static int64_t
call_end_of(const struct datacube_endpoint *e, int64_t last_unit)
{
	return e->unit == DATACUBE_HALF ? datacube_unit_end(e, last_unit) : last_unit;
}

bool
datacube_plan(struct datacube_span *call, const struct datacube_endpoint *e,
    const struct datacube_span *range, const struct datacube_known *known, int64_t from,
    int64_t now_s)
{
	int64_t	 unit;
	bool	 found = false;

	for (unit = datacube_unit(e, from); unit <= range->end &&
	    datacube_unit_end(e, unit) <= range->end;
	    unit = datacube_unit(e, unit + 1)) {
		if (known != NULL &&
		    !datacube_is_due(e, unit, &known[unit - range->begin], now_s))
			continue;
		if (!found)
			call->begin = unit;
		else if (e->span != 0 && call_end_of(e, unit) - call->begin >= e->span)
			break;
		call->end = call_end_of(e, unit);
		found = true;
	}
	return found;
}
