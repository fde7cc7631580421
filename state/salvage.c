#include "state/salvage.h"

/* Where reading failed, it may go on behind the damaged pages. */
static void
leap(struct recover *s)
{
	enum { FAR = 40 };	/* as a power of two: beyond all ids */

	s->at += s->skip;
	s->skip = s->skip * 2 + 1;
	s->over = s->skip >> FAR != 0;
}

enum error
recover_step(struct db *db, struct recover *s, int max)
{
	struct db_rows	 rows;
	enum error	 er = ERR_OK, read;
	int		 n = 0;

	read = db_start(s->from, &rows, s->source->select, DB_VALUES(db_i(s->at)));
	while (er == ERR_OK && n++ < max && read == ERR_OK && db_next(&rows, &read)) {
		s->at = db_col_int(&rows, 0) + 1;
		er = s->source->copy(db, &rows, &s->copied);
	}
	db_end(&rows);
	if (read != ERR_OK)
		leap(s);
	else if (n <= max)
		s->over = true;
	else
		s->skip = 0;
	return er;
}
