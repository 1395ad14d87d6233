/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>

#include "buf.h"
#include "status.h"

/* Configure gives it on the command line; a file compiled by hand has no version. */
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.0.0"
#endif

enum { WHY_BYTES = 512 };

/* The one mutable variable of the library that is not behind a handle: errors are told per
 * thread, as errno is. */
static _Thread_local char why[WHY_BYTES];

const char *ct_status_text(ct_status status)
{
#define STATUS_CASE(name, value, text)                                                             \
	case name:                                                                                 \
		return text;
	switch (status) {
		CT_STATUS_LIST(STATUS_CASE)
	}
#undef STATUS_CASE
	return "unknown status";
}

const char *ct_why(void)
{
	return why;
}

const char *ct_version(void)
{
	return PACKAGE_VERSION;
}

ct_status ct_vfail(ct_status status, const char *format, va_list args)
{
	int saved = errno;
	char line[WHY_BYTES];

	/* First into a buffer of our own: an argument may well be ct_why() itself. */
	if (vsnprintf(line, sizeof(line), format, args) < 0)
		snprintf(line, sizeof(line), "%s", ct_status_text(status));
	ct_text_clean(why, sizeof(why), line);
	errno = saved;
	return status;
}

ct_status ct_fail(ct_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	status = ct_vfail(status, format, args);
	va_end(args);
	return status;
}
