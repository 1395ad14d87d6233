/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens a library of somebody else by name. */
#include <dlfcn.h>
#include <stdio.h>

#include "gpu.h"

void *ct_library_open(const char *const *names, const char **which, char *why, size_t room)
{
	char text[400] = "";
	size_t used = 0;

	for (; *names != NULL; names++) {
		void *handle = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
		const char *reason;

		if (handle != NULL) {
			*which = *names;
			return handle;
		}
		/* glibc's text begins with the name: "libcuda.so.1: cannot open shared object file: …" */
		reason = dlerror();
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
				used > 0 ? "; " : "", reason != NULL ? reason : *names);
	}
	ct_text_clean(why, room, text);
	return NULL;
}
