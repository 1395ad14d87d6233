/* SPDX-License-Identifier: BSD-3-Clause */
/* What a plugin can tell of the process that it lives in: whose NCCL, which GPU, what steers it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

int ct_plugin_nccl_version(ct_nccl_log *log)
{
	int (*get)(int *) = NULL;
	void *library = NULL, *symbol;
	Dl_info info;
	int version = 0;

	if (log != NULL && dladdr(*(void **)&log, &info) != 0 && info.dli_fname != NULL)
		library = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
	symbol = library != NULL ? dlsym(library, "ncclGetVersion") : NULL;
	if (symbol == NULL)
		symbol = dlsym(RTLD_DEFAULT, "ncclGetVersion");
	memcpy(&get, &symbol, sizeof(get));
	if (get != NULL && get(&version) != CT_NCCL_OK)
		version = 0;
	if (library != NULL)
		dlclose(library);
	return version;
}

void ct_plugin_gpu(char *out, size_t room)
{
	int (*get)(char *, int, int) = NULL;
	void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD), *symbol;

	out[0] = '\0';
	if (driver == NULL)
		return;
	symbol = dlsym(driver, "cuDeviceGetName");
	memcpy(&get, &symbol, sizeof(get));
	if (get != NULL && get(out, (int)room, 0) != 0)
		out[0] = '\0';
	out[room - 1] = '\0';
	dlclose(driver);
}

/* Ours, or none: then only rules steer. */
static bool steers(const char *name, const char *value)
{
	return strcmp(name, "NCCL_TUNER_PLUGIN") != 0 ||
		(strcmp(value, "none") != 0 && strstr(value, "nccl-tuner-colltune") == NULL);
}

void ct_plugin_variables(char *out, size_t room)
{
	static const char *const names[] = { "NCCL_ALGO", "NCCL_PROTO", "NCCL_MIN_NCHANNELS",
		"NCCL_MAX_NCHANNELS", "NCCL_MIN_CTAS", "NCCL_MAX_CTAS", "NCCL_NTHREADS", "NCCL_BUFFSIZE",
		"NCCL_NVLS_ENABLE", "NCCL_COLLNET_ENABLE", "NCCL_CTA_POLICY", "NCCL_TUNER_PLUGIN" };
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && used < room; i++) {
		const char *value = secure_getenv(names[i]);

		if (value != NULL && value[0] != '\0' && steers(names[i], value))
			used += (size_t)snprintf(out + used, room - used, "%s%s=%.64s", used > 0 ? " " : "",
				names[i], value);
	}
}
