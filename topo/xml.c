/* SPDX-License-Identifier: BSD-3-Clause */
/* hwloc's XML, looked at before hwloc sees it. hwloc trusts what it reads: objects without their
 * sets make it follow null pointers, and it says on stderr what it refuses. */
#include <string.h>

#include "machine.h"

enum { SET_BYTES = 32 << 10 }; /* of one set's text: 65536 CPUs take 22 KiB */

/* Value of attribute NAME of the tag from TAG to END, and its LENGTH; NULL if there is none. */
static const char *attribute(const char *tag, const char *end, const char *name, size_t *length)
{
	size_t n = strlen(name);

	for (const char *at = tag; (at = strpbrk(at, " \t\n")) != NULL && at < end;) {
		const char *quote;

		at++;
		if (strncmp(at, name, n) != 0 || strncmp(at + n, "=\"", 2) != 0)
			continue;
		at += n + 2;
		quote = strchr(at, '"');
		if (quote == NULL || quote > end)
			return NULL;
		*length = (size_t)(quote - at);
		return at;
	}
	return NULL;
}

/* "0x00000003" or "0xffffffff,,0x0000000f": hwloc's sets, but the endless "0xf...f". */
static bool set_ok(const char *text, size_t length)
{
	return text != NULL && length > 2 && length <= SET_BYTES && strncmp(text, "0x", 2) == 0 &&
		strspn(text, "0123456789abcdefx,") >= length;
}

/* Devices have no sets; every other object must have these four. */
static bool object_ok(const char *tag, const char *end)
{
	static const char *const bare[] = { "Bridge", "PCIDev", "OSDev", "Misc", NULL };
	static const char *const sets[] = { "cpuset", "complete_cpuset", "nodeset",
		"complete_nodeset", NULL };
	size_t length = 0;
	const char *type = attribute(tag, end, "type", &length);

	if (type == NULL)
		return false;
	for (size_t i = 0; bare[i] != NULL; i++) {
		if (strlen(bare[i]) == length && strncmp(type, bare[i], length) == 0)
			return true;
	}
	for (size_t i = 0; sets[i] != NULL; i++) {
		const char *set = attribute(tag, end, sets[i], &length);

		if (!set_ok(set, length))
			return false;
	}
	return true;
}

static ct_status check_objects(const char *xml, const char *name)
{
	size_t n = 0;

	for (const char *tag = xml; (tag = strstr(tag, "<object")) != NULL; tag++, n++) {
		const char *end = strchr(tag, '>');

		if (end == NULL || !object_ok(tag, end))
			return ct_fail(CT_INVALID, "%s: hwloc XML: object %zu lacks its type or "
				"sets of CPUs and memory", name, n);
	}
	return CT_OK;
}

ct_status ct_xml_check(const char *xml, size_t bytes, const char *name)
{
	const char *tag, *version, *subset;

	if (strlen(xml) != bytes)
		return ct_fail(CT_INVALID, "%s: hwloc XML contains a NUL byte", name);
	tag = strstr(xml, "<topology");
	if (tag == NULL)
		return ct_fail(CT_INVALID, "%s: not hwloc XML: no <topology>", name);
	/* An XML parser could work for long on these, or read elsewhere. */
	subset = strstr(xml, "<!DOCTYPE");
	if (subset != NULL)
		subset = strpbrk(subset, "[>");
	if (strstr(xml, "<!ENTITY") != NULL || (subset != NULL && *subset == '['))
		return ct_fail(CT_INVALID, "%s: hwloc XML must not declare entities", name);
	version = strstr(tag, "version=\"");
	if (version == NULL || version > tag + strcspn(tag, ">") ||
	    strncmp(version, "version=\"2.", strlen("version=\"2.")) != 0)
		return ct_fail(CT_INVALID, "%s: hwloc XML is not of version 2, which is what is "
			"read here (lstopo --export-xml-flags v2 of hwloc 3 writes it)", name);
	return check_objects(xml, name);
}
