/*
 * job.h: an HTTP call of a test to a peer, and its answer.
 */
#ifndef TESTS_UNIT_JOB_H
#define TESTS_UNIT_JOB_H

#include "net/http_client.h"
#include "tests/unit/peer.h"

enum {
	JOB_PATIENCE_MS = 60000,	/* longer than anything takes that a test waits for */
	JOB_SHORT_MS = 300		/* a time that a test waits for to its end */
};

/* Settings for an http_client that a test makes. */
extern const struct settings	 job_settings;

struct job {
	struct http_answer	 answer;
	char			 url[PEER_URL];
	char			 text[16];	/* the body */
	int			 done;		/* how often it has come out of an http_multi */
};

/* Fills *j: a call to a path of the peer (see tests/unit/peer.h) with text as its body. */
void			 job_init(struct job *j, const struct peer *p, const char *path,
			    const char *text);
struct http_call	 job_call(const struct job *j, int ms);

/* Makes the call within ms. */
void			 job_do(struct http_client *h, struct job *j, int ms);

/* The answer that a call to a path of the peer must get. */
struct job_kind {
	const char	*path;
	int		 status;
	int		 length;	/* of the body; -1: the request's */
	const char	*why;		/* a part of the answer's why; NULL: that is empty */
};

enum { JOB_KINDS = 8 };

extern const struct job_kind	 job_kinds[JOB_KINDS];

/* How long a call of that kind may take, ms. */
int				 job_time(const struct job_kind *k);

/* Checks that j was answered as k says. */
void				 job_check(const struct job_kind *k, const struct job *j);

#endif
