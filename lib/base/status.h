/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CT_BASE_STATUS_H
#define CT_BASE_STATUS_H

#include <stdarg.h>

#include "colltune.h"

/* Also visible to the modules (MPI, verbs), which are opened by the program that holds us. */
#define CT_MODULE_API __attribute__((visibility("default")))

/* Keeps the formatted reason for ct_why() of this thread and returns STATUS, so that the place
 * that decides on an error writes `return ct_fail(CT_IO, "…", …);`. At most 511 bytes are kept;
 * line breaks and control characters become '?'. */
CT_MODULE_API ct_status ct_fail(ct_status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
CT_MODULE_API ct_status ct_vfail(ct_status status, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

#endif
