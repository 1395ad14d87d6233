/* SPDX-License-Identifier: BSD-3-Clause */
/* What the bootstraps over TCP share: pair.c, env.c and env_meet.c. */
#ifndef CT_BOOT_DIAL_H
#define CT_BOOT_DIAL_H

#include "base/base.h"

struct addrinfo;

/* Milliseconds until BY for poll(), rounded up, at most MOST; 0 when it has passed. */
int ct_dial_left_ms(struct ct_deadline by, int most);

/* Tries each address of LIST once, each for MOST ms and not beyond BY. A connected socket (not blocking,
 * closed on exec), or -1: nobody listens on any of them. Any thread. */
int ct_dial_try(const struct addrinfo *list, struct ct_deadline by, int most);

#endif
