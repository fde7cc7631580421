/*
 * served.h: whether visitors of the web server could fetch our state directory: it must not lie
 * within what is served.
 */
#ifndef SERVED_H
#define SERVED_H

#include <stdbool.h>

/*
 * True: dir is root, or below it, symbolic links followed in both.  What cannot be found out (a
 * root that does not exist) is not within.  A directory that does not exist yet is where its
 * parent is.
 */
bool	 served_within(const char *root, const char *dir);

#endif
