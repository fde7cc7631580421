#include <stdlib.h>
#include <string.h>

#include "server/worker.h"

enum { USUAL = 8192 };	/* bytes of a body for which a worker keeps its memory */

struct worker *
worker_new(struct app *app)
{
	struct worker	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->app = app;
	w->request = request_new(app->conf.set.io_ms, app->bodies);
	w->access_log = access_log_new(&app->services);
	if (w->request == NULL || w->access_log == NULL) {
		worker_free(w);
		return NULL;
	}
	return w;
}

void
worker_free(struct worker *w)
{
	size_t	 i;

	if (w == NULL)
		return;
	request_free(w->request);
	access_log_free(w->access_log);
	crypto_free(w->crypto);
	sign_free(w->signer);
	collect_free(w->collector);
	message_free(&w->message);
	deliver_free(&w->delivery);
	replies_choice_free(&w->choice);
	buf_free(&w->opened);
	buf_free(&w->work);
	buf_free(&w->out);
	for (i = 0; i < REQUEST_ROOTS; i++)
		buf_free(&w->roots[i]);
	free(w);
}

void
worker_reset(struct worker *w)
{
	w->entry = (struct access_entry){
		.request = w->request, .counts_as = COUNTER_PAGE, .code = "", .level = LEVEL_INFO,
	};
	w->reply = (struct reply){ .body = slice_of("not accepted\n") };
	memset(&w->push, 0, sizeof(w->push));
	w->choice.found = false;
	w->xml = w->body = (struct slice){ NULL, 0 };
	w->key[0] = '\0';
	w->why[0] = '\0';
}

void
worker_rest(struct worker *w)
{
	const bool	 large = w->request->body.len > USUAL || w->out.len > USUAL;

	if (large) {
		collect_free(w->collector);
		w->collector = NULL;
		message_free(&w->message);
		deliver_free(&w->delivery);
		replies_choice_free(&w->choice);
		buf_free(&w->opened);
		buf_free(&w->work);
		buf_free(&w->out);
	}
	request_drop_body(w->request);
	if (large && w->app->maintenance != NULL)
		maintenance_trim(w->app->maintenance);
}

enum error
worker_need_crypto(struct worker *w)
{
	if (w->crypto == NULL)
		w->crypto = crypto_new();
	return w->crypto != NULL ? ERR_OK : ERR_NOMEM;
}

enum error
worker_need_signer(struct worker *w)
{
	if (w->signer == NULL)
		w->signer = sign_new();
	return w->signer != NULL ? ERR_OK : ERR_NOMEM;
}

bool
worker_enter_network(struct worker *w)
{
	return gate_enter(w->app->senders, 1, worker_deadline(w) -
	    w->app->conf.set.forward_ms);
}

void
worker_leave_network(struct worker *w, bool entered)
{
	if (entered)
		gate_leave(w->app->senders, 1);
}

int64_t
worker_deadline(const struct worker *w)
{
	return w->request->accepted_ms + w->app->conf.set.deadline_ms;
}
