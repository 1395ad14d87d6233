/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens a library of somebody else by name. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "gpu.h"

/* Names that failed for one reason stand before it: "libA.so, libB.so: no such file". */
struct reasons {
	char text[400], last[200];
	size_t used;
};

static void add(struct reasons *r, const char *text)
{
	int n = snprintf(r->text + r->used, sizeof(r->text) - r->used, "%s", text);

	r->used += n < 0 ? 0 : (size_t)n;
	if (r->used >= sizeof(r->text))
		r->used = sizeof(r->text) - 1;
}

/* REASON is dlerror()'s, which glibc begins with the name: "libA.so: cannot open shared object file: …" */
static void add_reason(struct reasons *r, const char *name, const char *reason)
{
	size_t length = strlen(name);

	reason = reason != NULL && strncmp(reason, name, length) == 0 ? reason + length : ": cannot be opened";
	if (r->used > 0 && strcmp(reason, r->last) != 0)
		add(r, r->last);
	if (r->used > 0)
		add(r, strcmp(reason, r->last) != 0 ? "; " : ", ");
	add(r, name);
	snprintf(r->last, sizeof(r->last), "%s", reason);
}

void *ct_library_open(const char *const *names, const char **which, char *why, size_t room)
{
	struct reasons reasons = { .used = 0 };
	bool searched = false;

	for (; *names != NULL; names++) {
		void *handle = dlopen(*names, RTLD_NOW | RTLD_LOCAL);

		if (handle != NULL) {
			*which = *names;
			return handle;
		}
		add_reason(&reasons, *names, dlerror());
		searched |= strchr(*names, '/') == NULL;
	}
	add(&reasons, reasons.last);
	if (searched)
		add(&reasons, " (looked for in LD_LIBRARY_PATH and the folders of ld.so.conf)");
	ct_text_clean(why, room, reasons.text);
	return NULL;
}
