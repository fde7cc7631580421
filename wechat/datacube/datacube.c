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
 * Groups of fields, which the tables below consist of.  A field without a type is DATACUBE_INT.
 */

static const struct datacube_field	 day[] = {
	{ .name = "ref_date", .type = DATACUBE_TEXT, .key = true }, { 0 },
};

static const struct datacube_field	 ref_hour[] = {
	{ .name = "ref_hour", .key = true }, { 0 },
};

static const struct datacube_field	 user_source[] = {
	{ .name = "user_source", .key = true }, { 0 },
};

static const struct datacube_field	 stat_date[] = {
	{ .name = "stat_date", .type = DATACUBE_TEXT, .key = true }, { 0 },
};

static const struct datacube_field	 msgid[] = {
	{ .name = "msgid", .type = DATACUBE_TEXT, .key = true }, { 0 },
};

static const struct datacube_field	 followers[] = {
	{ .name = "new_user" }, { .name = "cancel_user" }, { 0 },
};

static const struct datacube_field	 cumulate[] = { { .name = "cumulate_user" }, { 0 } };

static const struct datacube_field	 reads[] = {
	{ .name = "int_page_read_user" }, { .name = "int_page_read_count" },
	{ .name = "ori_page_read_user" }, { .name = "ori_page_read_count" },
	{ .name = "share_user" }, { .name = "share_count" }, { .name = "add_to_fav_user" },
	{ .name = "add_to_fav_count" }, { 0 },
};

static const struct datacube_field	 article[] = {
	{ .name = "msgid", .type = DATACUBE_TEXT, .key = true },
	{ .name = "user_source", .key = true }, { .name = "title", .type = DATACUBE_TEXT }, { 0 },
};

static const struct datacube_field	 article_total[] = {
	{ .name = "msgid", .type = DATACUBE_TEXT, .key = true },
	{ .name = "user_source", .key = true }, { .name = "title", .type = DATACUBE_TEXT },
	{ .name = "url", .type = DATACUBE_TEXT }, { 0 },
};

static const struct datacube_field	 article_ways[] = {
	{ .name = "target_user" }, { .name = "int_page_from_session_read_user" },
	{ .name = "int_page_from_session_read_count" },
	{ .name = "int_page_from_hist_msg_read_user" },
	{ .name = "int_page_from_hist_msg_read_count" }, { .name = "int_page_from_feed_read_user" },
	{ .name = "int_page_from_feed_read_count" }, { .name = "int_page_from_friends_read_user" },
	{ .name = "int_page_from_friends_read_count" }, { .name = "int_page_from_other_read_user" },
	{ .name = "int_page_from_other_read_count" },
	{ .name = "int_page_from_kanyikan_read_user" },
	{ .name = "int_page_from_kanyikan_read_count" },
	{ .name = "int_page_from_souyisou_read_user" },
	{ .name = "int_page_from_souyisou_read_count" }, { .name = "feed_share_from_session_user" },
	{ .name = "feed_share_from_session_cnt" }, { .name = "feed_share_from_feed_user" },
	{ .name = "feed_share_from_feed_cnt" }, { .name = "feed_share_from_other_user" },
	{ .name = "feed_share_from_other_cnt" }, { 0 },
};

static const struct datacube_field	 share_scene[] = {
	{ .name = "share_scene", .key = true }, { 0 },
};

static const struct datacube_field	 shares[] = {
	{ .name = "share_count" }, { .name = "share_user" }, { 0 },
};

static const struct datacube_field	 read_user[] = { { .name = "read_user" }, { 0 } };
static const struct datacube_field	 share_user[] = { { .name = "share_user" }, { 0 } };

/* Fields of WeChat's list read_user_source. */
static const struct datacube_field	 scene[] = {
	{ .name = "scene_desc", .type = DATACUBE_TEXT, .key = true }, { .name = "user_count" },
	{ 0 },
};

static const struct datacube_field	 reactions[] = {
	{ .name = "read_user" }, { .name = "share_user" }, { .name = "zaikan_user" },
	{ .name = "like_user" }, { .name = "comment_count" }, { .name = "collection_user" }, { 0 },
};

static const struct datacube_field	 biz[] = {
	{ .name = "redirect_ori_page_user" }, { .name = "send_page_count" }, { 0 },
};

static const struct datacube_field	 published[] = {
	{ .name = "msgid", .type = DATACUBE_TEXT, .key = true }, { .name = "publish_type" },
	{ .name = "title", .type = DATACUBE_TEXT },
	{ .name = "content_url", .type = DATACUBE_TEXT }, { 0 },
};

static const struct datacube_field	 attention[] = {
	{ .name = "praise_money" }, { .name = "read_subscribe_user" },
	{ .name = "read_delivery_rate", .type = DATACUBE_REAL },
	{ .name = "read_finish_rate", .type = DATACUBE_REAL },
	{ .name = "read_avg_activetime", .type = DATACUBE_REAL }, { 0 },
};

/* Fields of WeChat's list read_jump_position. */
static const struct datacube_field	 jump[] = {
	{ .name = "position", .key = true }, { .name = "rate", .type = DATACUBE_REAL }, { 0 },
};

static const struct datacube_field	 msg_type[] = {
	{ .name = "msg_type", .key = true }, { .name = "user_source", .key = true }, { 0 },
};

static const struct datacube_field	 messages[] = {
	{ .name = "msg_user" }, { .name = "msg_count" }, { 0 },
};

static const struct datacube_field	 interval[] = {
	{ .name = "count_interval", .key = true }, { .name = "user_source", .key = true },
	{ .name = "msg_user" }, { 0 },
};

static const struct datacube_field	 calls[] = {
	{ .name = "callback_count" }, { .name = "fail_count" }, { .name = "total_time_cost" },
	{ .name = "max_time_cost" }, { 0 },
};

static const struct datacube_field	 ad_day[] = {
	{ .name = "date", .type = DATACUBE_TEXT, .key = true }, { 0 },
};

static const struct datacube_field	 ad_slot[] = {
	{ .name = "ad_slot", .type = DATACUBE_TEXT, .key = true },
	{ .name = "slot_id", .key = true }, { 0 },
};

static const struct datacube_field	 ad_general[] = {
	{ .name = "req_succ_count" }, { .name = "exposure_count" },
	{ .name = "exposure_rate", .type = DATACUBE_REAL }, { .name = "click_count" },
	{ .name = "click_rate", .type = DATACUBE_REAL }, { .name = "income" },
	{ .name = "ecpm", .type = DATACUBE_REAL }, { 0 },
};

static const struct datacube_field	 cps_general[] = {
	{ .name = "exposure_count" }, { .name = "click_count" },
	{ .name = "click_rate", .type = DATACUBE_REAL }, { .name = "order_count" },
	{ .name = "order_rate", .type = DATACUBE_REAL }, { .name = "total_fee" },
	{ .name = "total_commission" }, { 0 },
};

/* WeChat's date is the day of the settlement.  month and order tell which half it is for. */
static const struct datacube_field	 half[] = {
	{ .name = "ref_date", .type = DATACUBE_TEXT, .key = true, .half = true }, { 0 },
};

static const struct datacube_field	 settlement[] = {
	{ .name = "date", .type = DATACUBE_TEXT }, { .name = "zone", .type = DATACUBE_TEXT },
	{ .name = "month", .type = DATACUBE_TEXT }, { .name = "order" }, { .name = "sett_status" },
	{ .name = "settled_revenue" }, { .name = "sett_no", .type = DATACUBE_TEXT },
	{ .name = "mail_send_cnt" }, { 0 },
};

static const struct datacube_field	 slot_revenue[] = {
	{ .name = "slot_id", .type = DATACUBE_TEXT, .key = true },
	{ .name = "slot_settled_revenue" }, { 0 },
};

static const struct datacube_field	 revenue[] = {
	{ .name = "body", .type = DATACUBE_TEXT }, { .name = "penalty_all" },
	{ .name = "revenue_all" }, { .name = "settled_revenue_all" }, { 0 },
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
