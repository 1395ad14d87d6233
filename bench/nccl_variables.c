/* SPDX-License-Identifier: BSD-3-Clause */
#include "nccl_variables.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINES_MOST = 10000 };

static struct ct_nccl_variable *find(const struct ct_nccl_variables *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->list[i].name, name) == 0)
			return &v->list[i];
	return NULL;
}

const struct ct_nccl_variable *ct_nccl_variable(const struct ct_nccl_variables *v, const char *name)
{
	const struct ct_nccl_variable *found = find(v, name);

	return found != NULL && found->value[0] != '\0' ? found : NULL;
}

/* TEXT: NAME=VALUE, of which only NCCL's are taken. */
static void take(struct ct_nccl_variables *v, const char *text, const char *origin)
{
	const char *equals = strchr(text, '=');
	struct ct_nccl_variable *known;
	char name[64];

	if (equals == NULL || (size_t)(equals - text) >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	if (strncmp(name, "NCCL_", 5) != 0 && strcmp(name, "COLLTUNE_RULES") != 0)
		return;
	ct_text_clean(name, sizeof(name), name);
	known = find(v, name);
	if (known != NULL) {
		if (known->also[0] == '\0' && strcmp(known->origin, origin) != 0)
			snprintf(known->also, sizeof(known->also), "%s", origin);
		return;
	}
	if (v->n == CT_NCCL_VARIABLES) {
		v->cut = true;
		return;
	}
	known = &v->list[v->n++];
	snprintf(known->name, sizeof(known->name), "%s", name);
	ct_text_clean(known->value, sizeof(known->value), equals + 1);
	ct_text_clean(known->origin, sizeof(known->origin), origin);
}

FILE *ct_conf_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	FILE *file;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return NULL;
	}
	file = fdopen(fd, "r");
	if (file == NULL)
		close(fd);
	return file;
}

static void read_conf(struct ct_nccl_variables *v, int which, const char *path)
{
	char line[2048];
	FILE *file;

	if (path == NULL)
		return;
	ct_text_clean(v->files[which], sizeof(v->files[which]), path);
	file = ct_conf_open(path);
	if (file == NULL)
		return;
	v->read[which] = true;
	for (int i = 0; i < LINES_MOST && fgets(line, sizeof(line), file) != NULL; i++) {
		line[strcspn(line, "\n")] = '\0';
		take(v, line, v->files[which]);
	}
	fclose(file);
}

ct_status ct_nccl_variables_read(char *const *env, const char *user_conf, const char *system_conf,
	struct ct_nccl_variables *out)
{
	struct ct_nccl_variables v = { .n = 0 };
	const struct ct_nccl_variable *named;

	v.list = ct_alloc(CT_NCCL_VARIABLES, sizeof(*v.list));
	if (v.list == NULL)
		return CT_NOMEM;
	for (char *const *e = env; *e != NULL; e++)
		take(&v, *e, "environment");
	named = ct_nccl_variable(&v, "NCCL_CONF_FILE");
	read_conf(&v, 0, named != NULL ? named->value : user_conf);
	read_conf(&v, 1, system_conf);
	*out = v;
	return CT_OK;
}

ct_status ct_nccl_variables_here(struct ct_nccl_variables *out)
{
	struct passwd room, *me = NULL;
	char text[4096], conf[1024] = "";

	if (getpwuid_r(getuid(), &room, text, sizeof(text), &me) == 0 && me != NULL)
		snprintf(conf, sizeof(conf), "%.1000s/.nccl.conf", me->pw_dir);
	return ct_nccl_variables_read(environ, conf[0] != '\0' ? conf : NULL, "/etc/nccl.conf", out);
}

void ct_nccl_variables_free(struct ct_nccl_variables *v)
{
	ct_free(v->list);
	*v = (struct ct_nccl_variables){ .n = 0 };
}
