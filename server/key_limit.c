#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/key_limit.h"

enum { ADDRESS = 16, NETWORK = 8, TEXT_MAX = 64 };

struct place {
	unsigned char		 address[ADDRESS];
	const struct account	*account;
	int			 wrong;		/* 0: the place is free */
	int64_t			 end_ms;	/* when its minute is over: monotonic */
};

struct key_limit {
	pthread_mutex_t	 lock;
	struct place	 place[KEY_LIMIT_PLACES];
};

struct key_limit *
key_limit_new(void)
{
	struct key_limit	*k = calloc(1, sizeof(*k));

	if (k != NULL)
		(void)pthread_mutex_init(&k->lock, NULL);
	return k;
}

void
key_limit_free(struct key_limit *k)
{
	if (k == NULL)
		return;
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}

/* Texts that are not an address, if a web server gives such, count as one. */
static void
read_peer(unsigned char address[ADDRESS], struct slice peer)
{
	static const unsigned char	 mapped[ADDRESS] = { [10] = 0xff, [11] = 0xff };
	char				 text[TEXT_MAX] = "";

	if (peer.len < sizeof(text) && peer.len != 0)
		memcpy(text, peer.p, peer.len);
	memset(address, 0, ADDRESS);
	if (inet_pton(AF_INET6, text, address) == 1) {
		if (memcmp(address, mapped, ADDRESS - 4) != 0)
			memset(address + NETWORK, 0, ADDRESS - NETWORK);
		return;
	}
	memcpy(address, mapped, ADDRESS);
	if (inet_pton(AF_INET, text, address + ADDRESS - 4) != 1)
		memset(address, 0, ADDRESS);
}

/* The place of an address, whose minute is not over; NULL: it has none. */
static struct place *
find_place(struct key_limit *k, const struct account *a,
    const unsigned char address[ADDRESS], int64_t now_ms)
{
	struct place	*p;

	for (p = k->place; p != k->place + KEY_LIMIT_PLACES; p++)
		if (p->wrong != 0 && p->account == a && p->end_ms > now_ms &&
		    memcmp(p->address, address, ADDRESS) == 0)
			return p;
	return NULL;
}

/* A place that is free, or whose minute is over; else the one that is needed least. */
static struct place *
find_room(struct key_limit *k, int64_t now_ms)
{
	struct place	*p, *least = k->place;

	for (p = k->place; p != k->place + KEY_LIMIT_PLACES; p++) {
		if (p->wrong == 0 || p->end_ms <= now_ms)
			return p;
		if (p->wrong < least->wrong ||
		    (p->wrong == least->wrong && p->end_ms < least->end_ms))
			least = p;
	}
	return least;
}

int64_t
key_limit_left_ms(struct key_limit *k, const struct account *a, struct slice peer, int64_t now_ms)
{
	unsigned char	 address[ADDRESS];
	struct place	*p;
	int64_t		 left_ms = 0;

	if (k == NULL)
		return 0;
	read_peer(address, peer);
	(void)pthread_mutex_lock(&k->lock);
	if ((p = find_place(k, a, address, now_ms)) != NULL && p->wrong >= KEY_LIMIT_TRIES)
		left_ms = p->end_ms - now_ms;
	(void)pthread_mutex_unlock(&k->lock);
	return left_ms;
}

void
key_limit_add(struct key_limit *k, const struct account *a, struct slice peer, int64_t now_ms)
{
	unsigned char	 address[ADDRESS];
	struct place	*p;

	if (k == NULL)
		return;
	read_peer(address, peer);
	(void)pthread_mutex_lock(&k->lock);
	if ((p = find_place(k, a, address, now_ms)) == NULL) {
		p = find_room(k, now_ms);
		*p = (struct place){ .account = a, .end_ms = now_ms + KEY_LIMIT_MS };
		memcpy(p->address, address, ADDRESS);
	}
	if (p->wrong < KEY_LIMIT_TRIES)
		p->wrong++;
	(void)pthread_mutex_unlock(&k->lock);
}
