/*
 * form.h: the form above the page: account, period, and the question's options.
 */
#ifndef FORM_H
#define FORM_H

#include "view.h"

/* wrong: what is wrong with what was asked for; "" if nothing. */
void	form_put(struct view *v, const char *wrong);

#endif
