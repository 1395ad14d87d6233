/* SPDX-License-Identifier: BSD-3-Clause */
/* hwloc's XML, looked at before hwloc sees it. hwloc trusts what it reads: objects without their
 * sets make it follow null pointers, and it says on stderr what it refuses. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "machine.h"

enum {
	SET_BYTES = 32 << 10, /* of one set's text: 65536 CPUs take 22 KiB */
	NUMBER_MOST = 65535,  /* of a CPU or NUMA node */
	MATRIX_MOST = 4096    /* objects of a distance matrix, which hwloc makes room for at once */
};

enum { TYPE, OS_INDEX, CPUSET, COMPLETE_CPUSET, NODESET, COMPLETE_NODESET, NBOBJS, NWANTED };
static const char *const wanted[NWANTED] = { "type", "os_index", "cpuset", "complete_cpuset",
	"nodeset", "complete_nodeset", "nbobjs" };

struct value {
	const char *text; /* NULL = not there */
	size_t length;
};

/* Takes the tag behind its name apart, as hwloc writes it: NAME="VALUE", nothing twice that matters
 * here. What an XML parser would take beyond that could hide a value from the checks below. */
static bool attributes(const char *at, struct value *values)
{
	for (;;) {
		size_t name, blank = strspn(at, " \t\r\n");
		const char *value;

		at += blank;
		if (*at == '>' || strncmp(at, "/>", 2) == 0)
			return true;
		name = strcspn(at, "=\"'<>/ \t\r\n");
		if (blank == 0 || name == 0 || strncmp(at + name, "=\"", 2) != 0)
			return false;
		value = at + name + 2;
		for (size_t i = 0; i < NWANTED; i++) {
			if (strlen(wanted[i]) != name || strncmp(at, wanted[i], name) != 0)
				continue;
			if (values[i].text != NULL)
				return false;
			values[i] = (struct value){ value, strcspn(value, "\"") };
		}
		at = value + strcspn(value, "\"");
		if (*at++ == '\0')
			return false;
	}
}

/* "0x00000003" or "0xffffffff,,0x0000000f": hwloc's sets, but the endless "0xf...f". */
static bool set_ok(const struct value *set)
{
	return set->text != NULL && set->length > 2 && set->length <= SET_BYTES &&
		strncmp(set->text, "0x", 2) == 0 &&
		strspn(set->text, "0123456789abcdefx,") >= set->length;
}

static bool number_ok(const struct value *number, unsigned long most)
{
	return number->length >= 1 && number->length <= 5 &&
		strspn(number->text, "0123456789") == number->length &&
		strtoul(number->text, NULL, 10) <= most;
}

static bool is_type(const struct value *type, const char *const *of)
{
	for (; *of != NULL; of++) {
		if (strlen(*of) == type->length && strncmp(type->text, *of, type->length) == 0)
			return true;
	}
	return false;
}

/* What is wrong with an object; NULL if nothing. Devices have no sets; every other object must have
 * four. A CPU or NUMA node without a number would be number 4294967295 to hwloc, which then fills
 * and walks sets of half a gigabyte. */
static const char *object_wrong(const char *tag)
{
	static const char *const bare[] = { "Bridge", "PCIDev", "OSDev", "Misc", NULL };
	static const char *const numbered[] = { "PU", "NUMANode", NULL };
	/* As hwloc writes them; it would read "pu" and "node" too. */
	static const char *const other[] = { "Machine", "Package", "Die", "Core", "Group", "MemCache",
		"L1Cache", "L2Cache", "L3Cache", "L4Cache", "L5Cache", "L1iCache", "L2iCache",
		"L3iCache", NULL };
	struct value v[NWANTED] = { { NULL, 0 } };

	if (!attributes(tag, v) || v[TYPE].text == NULL)
		return "lacks its type, or is not written as hwloc does";
	if (is_type(&v[TYPE], bare))
		return NULL;
	if (!is_type(&v[TYPE], numbered) && !is_type(&v[TYPE], other))
		return "has a type that hwloc 2 does not have";
	for (size_t i = CPUSET; i <= COMPLETE_NODESET; i++) {
		if (!set_ok(&v[i]))
			return "lacks its sets of CPUs and memory";
	}
	if (is_type(&v[TYPE], numbered) &&
	    (v[OS_INDEX].text == NULL || !number_ok(&v[OS_INDEX], NUMBER_MOST)))
		return "is a CPU or NUMA node without an os_index from 0 to 65535";
	return NULL;
}

static ct_status check_objects(const char *xml, const char *name)
{
	size_t n = 0;

	for (const char *tag = xml; (tag = strstr(tag, "<object")) != NULL; n++) {
		const char *wrong = object_wrong(tag += strlen("<object"));

		if (wrong != NULL)
			return ct_fail(CT_INVALID, "%s: hwloc XML: object %zu %s", name, n, wrong);
	}
	for (const char *tag = xml; (tag = strstr(tag, "<distances2")) != NULL;) {
		struct value v[NWANTED] = { { NULL, 0 } };

		tag += strlen("<distances2");
		tag += strncmp(tag, "hetero", 6) == 0 ? 6 : 0;
		if (!attributes(tag, v) || v[NBOBJS].text == NULL ||
		    !number_ok(&v[NBOBJS], MATRIX_MOST))
			return ct_fail(CT_INVALID, "%s: hwloc XML: a distance matrix without an "
				"nbobjs from 0 to %d", name, MATRIX_MOST);
	}
	return CT_OK;
}

/* In another encoding all of this could be written so that it is not seen here. */
static bool encoding_ok(const char *xml)
{
	const char *end = strstr(xml, "?>"), *at = strstr(xml, "encoding");

	if (strncmp(xml, "<?xml", 5) != 0 || end == NULL || at == NULL || at > end)
		return true;
	return strncasecmp(at, "encoding=\"UTF-8\"", strlen("encoding=\"UTF-8\"")) == 0;
}

ct_status ct_xml_check(const char *xml, size_t bytes, const char *name)
{
	const char *tag, *version, *subset;

	if (strlen(xml) != bytes)
		return ct_fail(CT_INVALID, "%s: hwloc XML contains a NUL byte", name);
	if (!encoding_ok(xml))
		return ct_fail(CT_INVALID, "%s: hwloc XML in another encoding than UTF-8", name);
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
