/*
 * docroot.h: whether visitors of the web server could fetch our state directory: it must not lie
 * within what is served.
 */
#ifndef SERVER_DOCROOT_H
#define SERVER_DOCROOT_H

#include <stdbool.h>

/*
 * True: dir is root, or below it, symbolic links followed in both.  What cannot be found out (a
 * root that does not exist) is not within.  A directory that does not exist yet is where its
 * parent is.
 */
bool	 docroot_has(const char *root, const char *dir);

enum { DOCROOT_WHY = 320 };

/*
 * Whether dir looks as if it were served, where nobody says what is: by a name in its path that
 * hosts give to what they serve, or a .htaccess in it or above.  why becomes that path, "" if
 * nothing speaks for it.
 */
bool	 docroot_find_suspect(char why[DOCROOT_WHY], const char *dir);

#endif
