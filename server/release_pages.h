/*
 * release_pages.h: memory that only the start needed, given back.
 *
 * libcurl brings some 30 libraries.  Loading and initialising them touches most of the
 * text and constants that are resident later, and little of it is used again.
 */
#ifndef SERVER_RELEASE_PAGES_H
#define SERVER_RELEASE_PAGES_H

/*
 * Lets go of what is read-only in all loaded programs and libraries; the kernel maps it
 * again, from its cache, as it is used.
 */
void	release_pages(void);

#endif
