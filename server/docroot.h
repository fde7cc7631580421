/*
 * docroot.h: finds out whether visitors of the web server could fetch files of our state directory.
 * It must not be in a directory that the web server serves.
 */
#ifndef SERVER_DOCROOT_H
#define SERVER_DOCROOT_H

#include <stdbool.h>

/*
 * True: dir is root, or below it, after symbolic links in both are followed.  If root does
 * not exist: false.  A directory that does not exist yet is where its parent is.
 */
bool	 docroot_has(const char *root, const char *dir);

enum { DOCROOT_WHY = 320 };

/*
 * True: dir looks as if a web server served it.  This is a guess for the command line, which
 * cannot ask the web server: a directory in its path has a name that hosts give to what they
 * serve, or there is a .htaccess in it or above it.  why becomes the path of what was found; "":
 * nothing.
 */
bool	 docroot_find_suspect(char why[DOCROOT_WHY], const char *dir);

#endif
