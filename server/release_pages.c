#define _GNU_SOURCE		/* dl_iterate_phdr(); madvise(), POSIX's own may do nothing */

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/release_pages.h"

/* Relocations in the text itself: then memory is not what the file says. */
static bool
is_patched(const struct dl_phdr_info *o, const ElfW(Phdr) *dynamic)
{
	const ElfW(Dyn)	*d;

	for (d = (const ElfW(Dyn) *)(o->dlpi_addr + dynamic->p_vaddr); d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_TEXTREL ||
		    (d->d_tag == DT_FLAGS && (d->d_un.d_val & DF_TEXTREL) != 0))
			return true;
	return false;
}

static int
trim_object(struct dl_phdr_info *o, size_t size, void *ctx)
{
	const ElfW(Phdr)	*p, *end = o->dlpi_phdr + o->dlpi_phnum;
	uintptr_t		 page = (uintptr_t)sysconf(_SC_PAGESIZE), from, to;

	(void)size, (void)ctx;
	for (p = o->dlpi_phdr; p != end; p++)
		if (p->p_type == PT_DYNAMIC && is_patched(o, p))
			return 0;
	/* What is made read-only after relocation is part of a writable segment. */
	for (p = o->dlpi_phdr; p != end; p++) {
		if (p->p_type != PT_LOAD || (p->p_flags & PF_W) != 0)
			continue;
		from = (o->dlpi_addr + p->p_vaddr) & ~(page - 1);
		to = (o->dlpi_addr + p->p_vaddr + p->p_filesz + page - 1) & ~(page - 1);
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void
release_pages(void)
{
	(void)dl_iterate_phdr(trim_object, NULL);
}
