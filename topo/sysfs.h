/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounded reading of /sys and /proc under a root: this machine's, or a captured tree that may
 * hold anything (links that lead out, pipes, endless files). */
#ifndef CT_TOPO_SYSFS_H
#define CT_TOPO_SYSFS_H

#include "base/base.h"

#define CT_SYS_NAME 64 /* longest device name read, with NUL; longer ones are left out */

struct ct_sys {
	int fd;    /* the root directory */
	bool live; /* it is this machine's own root */
};

/* Opens ROOT (NULL = "/"); close with ct_sys_close(). CT_IO, CT_UNSUPPORTED. */
ct_status ct_sys_open(const char *root, struct ct_sys *sys);
void ct_sys_close(struct ct_sys *sys);

/* Opens PATH (without leading slash) below the root for reading; FLAGS may add O_DIRECTORY.
 * The descriptor, or -errno. */
int ct_sys_fd(const struct ct_sys *sys, const char *path, int flags);

/* At most ROOM - 1 bytes of a regular file, NUL-terminated. Their number, or -errno; -EFBIG if
 * the file is longer. */
int ct_sys_read(const struct ct_sys *sys, const char *path, char *out, size_t room);

/* First line of the file named by FORMAT, made fit for a terminal. 0 or -errno; -ENODATA if
 * empty. OUT is "" on error. */
int ct_sys_line(const struct ct_sys *sys, char *out, size_t room, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A whole decimal number; CT_UNKNOWN-free: 0 or -errno, -ERANGE if it is none. */
int ct_sys_u64(const struct ct_sys *sys, uint64_t *out, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* True if the file or directory is there. */
bool ct_sys_there(const struct ct_sys *sys, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Names in directory PATH that begin with PREFIX, in natural order (eth2 before eth10), at most
 * 4096. *NAMES is freed with ct_free(). Their number, or -errno. */
int ct_sys_list(const struct ct_sys *sys, const char *path, const char *prefix,
	char (**names)[CT_SYS_NAME]);

/* Value of "KEY=" in the uevent file of directory DIR; false and "" if there is none. */
bool ct_sys_uevent(const struct ct_sys *sys, const char *dir, const char *key, char *out,
	size_t room);

#endif
