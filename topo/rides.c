/* SPDX-License-Identifier: BSD-3-Clause */
/* What rode on which DSCP and priority, out of a captured tree. */
#include <stdio.h>
#include <string.h>

#include "ends.h"

enum { WORD = 64 };

/* The ride of WHO at END, a new one if there is none yet; NULL: there are too many. */
static struct ct_end_ride *ride_of(struct ct_end *end, const char *who)
{
	struct ct_end_ride *r;

	for (size_t i = 0; i < end->nrides; i++)
		if (strcmp(end->rides[i].who, who) == 0)
			return &end->rides[i];
	if (end->nrides == CT_END_RIDES)
		return NULL;
	r = &end->rides[end->nrides++];
	*r = (struct ct_end_ride){ .told = CT_END_UNKNOWN, .sent = CT_END_UNKNOWN, .sent_bytes = CT_END_UNKNOWN };
	snprintf(r->who, sizeof(r->who), "%.23s", who);
	return r;
}

static void take(struct ct_end_ride *r, const char *what, uint64_t number, uint64_t count)
{
	if (strcmp(what, "dscp") == 0 && number < CT_DSCPS) {
		r->dscp_known = true;
		r->packets[number] = count;
	} else if (strcmp(what, "priority") == 0 && number < CT_PRIORITIES) {
		r->priority_known = true;
		r->bytes[number] = count;
	} else if (strcmp(what, "sent") == 0) {
		r->sent = number;
		r->sent_bytes = count;
	}
}

void ct_rides_parse(const char *text, struct ct_end *end)
{
	for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n') {
		char device[WORD], who[24], told[8], what[12];
		unsigned long long number, count;
		struct ct_end_ride *r;
		int64_t class;

		if (sscanf(text, "%63s %23s %7s %11s %19llu %19llu", device, who, told, what, &number, &count) != 6 ||
			strcmp(device, end->device) != 0)
			continue;
		r = ride_of(end, who);
		if (r == NULL)
			continue;
		if (ct_int_parse(told, 0, 255, &class) == CT_OK) {
			r->told = (uint64_t)class;
			snprintf(r->told_by, sizeof(r->told_by), "the capture");
		}
		take(r, what, number, count);
	}
}
