/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine as a plugin can tell it: a few lines of text from /proc and /sys, hashed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules.h"

enum { FUNCTIONS_MOST = 4096, FUNCTION_TEXT = 16 };

/* First bytes of DIRECTORY/NAME, up to the line's end; false if it cannot be read. */
static bool read_line(const char *directory, const char *name, char *out, size_t room)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	n = read(fd, out, room - 1);
	close(fd);
	if (n <= 0)
		return false;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return true;
}

/* "model name : X" (x86), else "CPU implementer/part" (arm64): the first line that tells. */
static ct_status add_processor(const char *root, struct ct_buf *text)
{
	static const char *const keys[] = { "model name", "CPU implementer", "CPU part", "cpu\t" };
	char path[PATH_MAX], line[256];
	bool seen[sizeof(keys) / sizeof(keys[0])] = { false };
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/cpuinfo", root);
	file = fopen(path, "re");
	if (file == NULL)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	for (int i = 0; i < 64 && fgets(line, sizeof(line), file) != NULL; i++) {
		const char *colon = strchr(line, ':');

		for (size_t k = 0; colon != NULL && k < sizeof(keys) / sizeof(keys[0]); k++) {
			if (seen[k] || strncmp(line, keys[k], strlen(keys[k])) != 0)
				continue;
			seen[k] = true;
			line[strcspn(line, "\n")] = '\0';
			ct_buf_add(text, "%s\n", colon + 1 + strspn(colon + 1, " "));
		}
	}
	fclose(file);
	return CT_OK;
}

/* "1077 15b3:1021" as OUT if it is of a class that matters here. */
static bool describe(const char *devices, const char *slot, char out[FUNCTION_TEXT])
{
	char directory[PATH_MAX], class[16], vendor[16], device[16], path[PATH_MAX];
	unsigned long code;

	if ((size_t)snprintf(directory, sizeof(directory), "%s/%s", devices, slot) >=
		sizeof(directory) || !read_line(directory, "class", class, sizeof(class)))
		return false;
	code = strtoul(class, NULL, 16) >> 16;
	if ((code != 0x02 && code != 0x03 && code != 0x12) ||
		(size_t)snprintf(path, sizeof(path), "%s/physfn", directory) >= sizeof(path) ||
		access(path, F_OK) == 0 ||
		!read_line(directory, "vendor", vendor, sizeof(vendor)) ||
		!read_line(directory, "device", device, sizeof(device)))
		return false;
	snprintf(out, FUNCTION_TEXT, "%02lx %04lx:%04lx", code, strtoul(vendor, NULL, 16) & 0xffff,
		strtoul(device, NULL, 16) & 0xffff);
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static ct_status add_functions(const char *root, struct ct_buf *text)
{
	char (*found)[FUNCTION_TEXT] = ct_alloc(FUNCTIONS_MOST, FUNCTION_TEXT);
	char path[PATH_MAX];
	struct dirent *entry;
	size_t n = 0;
	DIR *devices;

	if (found == NULL)
		return CT_NOMEM;
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices", root);
	devices = opendir(path); /* a machine without PCI has none */
	while (devices != NULL && n < FUNCTIONS_MOST && (entry = readdir(devices)) != NULL)
		if (entry->d_name[0] != '.' && describe(path, entry->d_name, found[n]))
			n++;
	if (devices != NULL)
		closedir(devices);
	qsort(found, n, FUNCTION_TEXT, by_text);
	for (size_t i = 0; i < n; i++)
		ct_buf_add(text, "%s\n", found[i]);
	ct_free(found);
	return CT_OK;
}

ct_status ct_rules_fingerprint(const char *root, char out[CT_SHA256_TEXT])
{
	struct ct_buf text = ct_buf_make(1 << 17);
	ct_status status = add_processor(root, &text);

	if (status == CT_OK)
		status = add_functions(root, &text);
	if (status == CT_OK)
		status = ct_buf_status(&text);
	if (status == CT_OK)
		ct_sha256_text(text.text != NULL ? text.text : "", text.used, out);
	ct_buf_free(&text);
	return status;
}
