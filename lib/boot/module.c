/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens a module: a shared object beside the library that brings what the library never links. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"

static bool plain_name(const char *name)
{
	return name[0] != '\0' && strspn(name,
		"abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

/* A module finds our symbols in the global scope. When this code lives in a shared library that
 * somebody opened with RTLD_LOCAL (Python, a plugin), it is not there: promote it. In a program
 * the call does no harm; if it fails, the module's own opening tells what is missing. */
static void promote_ourselves(void)
{
	Dl_info here;

	if (dladdr((const void *)ct_module_open, &here) != 0 && here.dli_fname != NULL)
		(void)dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
	(void)dlerror();
}

ct_status ct_module_open(const char *dir, const char *name, const struct ct_module **module)
{
	char path[PATH_MAX];
	const struct ct_module *found;
	const char *reason;
	void *handle;
	int n;

	if (dir == NULL || dir[0] != '/')
		return ct_fail(CT_INVALID, "module folder %s: an absolute path is needed",
			dir == NULL ? "(none)" : dir);
	if (name == NULL || !plain_name(name))
		return ct_fail(CT_INVALID, "module name \"%s\": only a-z, 0-9 and _ are allowed",
			name == NULL ? "" : name);
	n = snprintf(path, sizeof(path), "%s/colltune-%s.so", dir, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return ct_fail(CT_INVALID, "module folder %.60s...: the path is too long", dir);
	if (access(path, F_OK) != 0)
		return ct_fail(CT_NOTFOUND, "module %s: %s (built without %s?)", path,
			strerror(errno),
			name);
	promote_ourselves();
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		reason = dlerror();
		return ct_fail(CT_UNSUPPORTED, "module %s: %s", path, reason == NULL ? "?" :
			reason);
	}
	found = dlsym(handle, "ct_module");
	if (found == NULL)
		return ct_fail(CT_UNSUPPORTED, "module %s: exports no ct_module", path);
	if (found->abi != CT_MODULE_ABI)
		return ct_fail(CT_UNSUPPORTED, "module %s: made for module ABI %u, this is %d",
			path,
			found->abi, CT_MODULE_ABI);
	*module = found;
	return CT_OK;
}
