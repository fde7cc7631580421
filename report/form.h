/*
 * form.h: the form above the page: account, period, and the question's options.
 */
#ifndef REPORT_FORM_H
#define REPORT_FORM_H

#include "report/layout.h"

/* wrong: what is wrong with what was asked for; "" if nothing. */
void	form_put(struct layout *v, const char *wrong);

#endif
