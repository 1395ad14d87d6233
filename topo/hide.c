/* SPDX-License-Identifier: BSD-3-Clause */
/* What says who a machine is rather than what it is, found by name and by shape, and replaced. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"

/* Parts of the names of hwloc's information attributes (hwloc 2.9 documentation, "Object
 * attributes"): Address, NodeGUID, SysImageGUID, Port1GID0, Port1LID, NVIDIASerial, NVIDIAUUID,
 * AMDSerial, AMDUUID, XGMIHiveID, DMIProductSerial, DMIChassisAssetTag, SerialNumber, … */
static const char *const hidden_names[] = { "Serial", "UUID", "GUID", "GID", "LID", "Address",
	"AssetTag", "AssetNumber", "HiveID", "LinuxCgroup", "CommandLine", NULL };

/* TEXT begins with PATTERN, where h is a hexadecimal digit. */
static bool shaped(const char *text, const char *pattern)
{
	for (; *pattern != '\0'; pattern++, text++) {
		if (*pattern == 'h' ? !isxdigit((unsigned char)*text) : *text != *pattern)
			return false;
	}
	return true;
}

bool ct_hide_wanted(const char *name, const char *value)
{
	for (size_t i = 0; hidden_names[i] != NULL; i++) {
		if (strstr(name, hidden_names[i]) != NULL)
			return true;
	}
	for (; *value != '\0'; value++) {
		if (shaped(value, "hh:hh:hh:hh:hh:hh") ||
		    shaped(value, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh") ||
		    shaped(value, "hhhh:hhhh:hhhh:hhhh"))
			return true;
	}
	return false;
}

bool ct_hide_name(char *name)
{
	/* udev writes the address after an x, at the end: a MAC of 12 digits or a GUID of 16. */
	size_t length = strlen(name), digits = 0;

	while (digits < length && isxdigit((unsigned char)name[length - 1 - digits]))
		digits++;
	if (digits < 12 || digits == length || name[length - 1 - digits] != 'x' ||
	    strspn(name + length - digits, "0") == digits)
		return false;
	memset(name + length - digits, '0', digits);
	return true;
}

struct kinds {
	struct {
		char name[64];
		size_t count;
	} kind[64];
	size_t n;
};

static void count_kind(struct kinds *kinds, const char *name)
{
	size_t i = 0;

	while (i < kinds->n && strncmp(kinds->kind[i].name, name, sizeof(kinds->kind[i].name) - 1))
		i++;
	if (i == sizeof(kinds->kind) / sizeof(kinds->kind[0]))
		return;
	if (i == kinds->n) {
		ct_text_clean(kinds->kind[i].name, sizeof(kinds->kind[i].name), name);
		kinds->n++;
	}
	kinds->kind[i].count++;
}

/* hwloc has no call that changes an attribute, but the text is the object's own memory. */
static void hide_object(hwloc_obj_t object, struct kinds *kinds)
{
	static const char instead[] = "replaced";

	for (unsigned int i = 0; i < object->infos_count; i++) {
		char *value = object->infos[i].value;
		size_t length = strlen(value);

		if (strcmp(value, instead) == 0 || strspn(value, "-") == length ||
		    !ct_hide_wanted(object->infos[i].name, value))
			continue;
		if (length >= strlen(instead))
			memcpy(value, instead, sizeof(instead));
		else
			memset(value, '-', length);
		count_kind(kinds, object->infos[i].name);
	}
	if (object->name != NULL && ct_hide_name(object->name))
		count_kind(kinds, "device name");
}

static void hide_level(hwloc_topology_t topology, int depth, struct kinds *kinds)
{
	hwloc_obj_t object = NULL;

	while ((object = hwloc_get_next_obj_by_depth(topology, depth, object)) != NULL)
		hide_object(object, kinds);
}

ct_status ct_hide_topology(hwloc_topology_t topology, json_t *kinds)
{
	static const int special[] = { HWLOC_TYPE_DEPTH_NUMANODE, HWLOC_TYPE_DEPTH_MEMCACHE,
		HWLOC_TYPE_DEPTH_BRIDGE, HWLOC_TYPE_DEPTH_PCI_DEVICE, HWLOC_TYPE_DEPTH_OS_DEVICE,
		HWLOC_TYPE_DEPTH_MISC };
	struct kinds found = { .n = 0 };
	int bad = 0;

	for (int depth = 0; depth < hwloc_topology_get_depth(topology); depth++)
		hide_level(topology, depth, &found);
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		hide_level(topology, special[i], &found);
	for (size_t i = 0; i < found.n; i++)
		bad |= json_array_append_new(kinds, json_sprintf("%s (%zu)", found.kind[i].name,
			found.kind[i].count));
	return bad == 0 ? CT_OK : ct_fail(CT_NOMEM, "no memory for the list of what is replaced");
}
