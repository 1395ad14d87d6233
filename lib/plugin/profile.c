/* SPDX-License-Identifier: BSD-3-Clause */
/* What was kept of a communicator's collectives, as a file and as a line. */
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profile.h"

enum { WORD = sizeof(((struct ct_profiler_choice *)NULL)->algo), FILE_LIMIT = 8 << 20,
	TEXT_MOST = 512 };

/* NCCL's word, "ncclFloat32", "ReduceScatter", as ours: "float32", "reduce_scatter". */
static const char *word(const char *theirs, char out[WORD])
{
	size_t n = 0;

	if (theirs == NULL)
		theirs = "unknown";
	if (strncmp(theirs, "nccl", 4) == 0)
		theirs += 4;
	for (; *theirs != '\0' && n < WORD - 1; theirs++)
		if (isalnum((unsigned char)*theirs) || *theirs == '_')
			out[n++] = (char)tolower((unsigned char)*theirs);
	out[n] = '\0';
	if (strcmp(out, "reducescatter") == 0)
		snprintf(out, WORD, "reduce_scatter");
	return out;
}

static size_t element_bytes(const char *type)
{
	static const struct {
		const char *name;
		size_t bytes;
	} known[] = { { "int8", 1 }, { "char", 1 }, { "uint8", 1 }, { "int32", 4 }, { "int", 4 }, { "uint32", 4 },
		{ "int64", 8 }, { "uint64", 8 }, { "float16", 2 }, { "half", 2 }, { "float32", 4 },
		{ "float", 4 }, { "float64", 8 }, { "double", 8 }, { "bfloat16", 2 }, { "float8e4m3", 1 },
		{ "float8e5m2", 1 } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, type) == 0)
			return known[i].bytes;
	return 0;
}

uint64_t ct_profile_bytes(const struct ct_profile *profile, const struct ct_profile_event *event)
{
	char func[WORD], type[WORD];
	uint64_t bytes = event->count * element_bytes(word(event->datatype, type));

	word(event->func, func);
	if (strcmp(func, "allgather") == 0 || strcmp(func, "reduce_scatter") == 0)
		bytes *= (uint64_t)profile->ranks; /* 0: not told, so not known */
	return bytes;
}

/* Nanoseconds of the kernel; false: none of its channels was seen from start to end. */
static bool duration(const struct ct_profile_event *event, uint64_t *ns)
{
	uint64_t start = atomic_load_explicit(&event->start_ns, memory_order_relaxed);
	uint64_t end = atomic_load_explicit(&event->end_ns, memory_order_relaxed);

	if (start == UINT64_MAX || end < start)
		return false;
	*ns = end - start;
	return true;
}

/* The oldest that is still kept. */
static uint64_t first_of(uint64_t seen)
{
	return seen > CT_PROFILE_EVENTS ? seen - CT_PROFILE_EVENTS + 1 : 1;
}

/* TEXT is from outside: what is neither plain nor among ALSO becomes '_'. */
static void plain(char *text, const char *also)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && strchr(also, *text) == NULL)
			*text = '_';
}

static void add_host(struct ct_buf *text)
{
	char host[HOST_NAME_MAX + 1] = "";

	gethostname(host, sizeof(host) - 1);
	plain(host, ".-_");
	ct_buf_add(text, "\"host\":\"%s\",", host);
}

/* "" is null. */
static void add_text(struct ct_buf *text, const char *key, const char *value)
{
	char clean[TEXT_MOST];

	snprintf(clean, sizeof(clean), "%s", value != NULL ? value : "");
	plain(clean, " .,:;/=+-_^()@");
	if (clean[0] != '\0')
		ct_buf_add(text, ",\"%s\":\"%s\"", key, clean);
	else
		ct_buf_add(text, ",\"%s\":null", key);
}

/* Where this was, and what steered NCCL's choice. */
static void add_about(struct ct_buf *text, const struct ct_profile *profile)
{
	int version = ct_plugin_nccl_version(profile->log);
	char fingerprint[CT_SHA256_TEXT] = "", variables[TEXT_MOST], number[24] = "";

	if (version >= 10000)
		snprintf(number, sizeof(number), "%d.%d", version / 10000, version / 100 % 100);
	if (ct_rules_fingerprint("", fingerprint) != CT_OK)
		fingerprint[0] = '\0';
	ct_plugin_variables(variables, sizeof(variables));
	plain(variables, " .,:;/=+-_^()@");
	add_text(text, "nccl", number);
	add_text(text, "gpu", profile->gpu);
	add_text(text, "fingerprint", fingerprint);
	add_text(text, "machine", secure_getenv("COLLTUNE_MACHINE"));
	add_text(text, "rules", secure_getenv("COLLTUNE_RULES"));
	ct_buf_add(text, ",\"variables\":\"%s\"", variables);
}

static void add_number(struct ct_buf *text, const char *key, bool known, uint64_t value)
{
	if (known)
		ct_buf_add(text, ",\"%s\":%" PRIu64, key, value);
	else
		ct_buf_add(text, ",\"%s\":null", key);
}

static void add_event(struct ct_buf *text, const struct ct_profile *profile,
	const struct ct_profile_event *event)
{
	char func[WORD], type[WORD], algo[WORD], proto[WORD];
	uint64_t bytes = ct_profile_bytes(profile, event), ns = 0;
	bool timed = duration(event, &ns);

	ct_buf_add(text, "{\"kind\":\"collective\",\"coll\":\"%s\",\"number\":%" PRIu64
		",\"type\":\"%s\",\"algo\":\"%s\",\"proto\":\"%s\",\"channels\":%d", word(event->func, func),
		event->sequence, word(event->datatype, type), word(event->algo, algo),
		word(event->proto, proto), event->channels);
	add_number(text, "bytes", bytes != 0 || event->count == 0, bytes);
	add_number(text, "start_ns", timed, atomic_load_explicit(&event->start_ns, memory_order_relaxed));
	add_number(text, "kernel_ns", timed, ns);
	ct_buf_add(text, "}\n");
}

static void add_p2p(struct ct_buf *text, const struct ct_profile *profile, const struct ct_profile_event *event)
{
	char func[WORD], type[WORD];
	uint64_t bytes = ct_profile_bytes(profile, event), ns = 0;
	bool timed = duration(event, &ns);

	ct_buf_add(text, "{\"kind\":\"p2p\",\"coll\":\"%s\",\"number\":%" PRIu64 ",\"peer\":%d,\"type\":\"%s\","
		"\"channels\":%d", word(event->func, func), event->sequence, event->peer,
		word(event->datatype, type), event->channels);
	add_number(text, "bytes", bytes != 0 || event->count == 0, bytes);
	add_number(text, "start_ns", timed, atomic_load_explicit(&event->start_ns, memory_order_relaxed));
	add_number(text, "kernel_ns", timed, ns);
	ct_buf_add(text, "}\n");
}

ct_status ct_profile_write(const struct ct_profile *profile, const char *dir)
{
	struct ct_buf text = ct_buf_make(FILE_LIMIT), path = ct_buf_make(PATH_MAX);
	uint64_t seen = atomic_load(&profile->colls.seen), p2ps = atomic_load(&profile->p2ps.seen);
	ct_status status;

	ct_buf_add(&text, "{\"schema\":\"colltune-nccl/1\",\"kind\":\"communicator\",\"comm\":\"%016" PRIx64
		"\",", profile->comm);
	add_host(&text);
	ct_buf_add(&text, "\"rank\":%d", profile->rank);
	add_number(&text, "ranks", profile->ranks > 0, (uint64_t)profile->ranks);
	add_number(&text, "nodes", profile->nodes > 0, (uint64_t)profile->nodes);
	add_about(&text, profile);
	ct_buf_add(&text, ",\"clock\":\"%s\",\"p2p_seen\":%" PRIu64 ",\"seen\":%" PRIu64 "}\n",
		profile->gpu_clock ? "gpu" : "host", p2ps, seen);
	for (uint64_t n = first_of(seen); n <= seen; n++)
		add_event(&text, profile, &profile->colls.events[n % CT_PROFILE_EVENTS]);
	for (uint64_t n = first_of(p2ps); n <= p2ps; n++)
		add_p2p(&text, profile, &profile->p2ps.events[n % CT_PROFILE_EVENTS]);
	ct_buf_add(&path, "%s/nccl-%016" PRIx64 "-%d-%ld.jsonl", dir, profile->comm, profile->rank,
		(long)getpid());
	status = ct_buf_status(&text);
	if (status == CT_OK)
		status = ct_buf_status(&path);
	if (status == CT_OK)
		status = ct_file_save(path.text, text.text, text.used, 0600);
	ct_buf_free(&text);
	ct_buf_free(&path);
	return status;
}

void ct_profile_summary(const struct ct_profile *profile, char *line, size_t room)
{
	uint64_t seen = atomic_load(&profile->colls.seen), timed = 0, total = 0, most = 0, ns;
	const struct ct_profile_event *longest = NULL;
	char func[WORD], algo[WORD], proto[WORD];
	int n;

	for (uint64_t i = first_of(seen); i <= seen; i++) {
		const struct ct_profile_event *event = &profile->colls.events[i % CT_PROFILE_EVENTS];

		if (!duration(event, &ns))
			continue;
		timed++;
		total += ns;
		if (longest == NULL || ns > most) {
			longest = event;
			most = ns;
		}
	}
	n = snprintf(line, room, "rank %d: %" PRIu64 " collectives, of %" PRIu64 " of them kernels took %.3f ms",
		profile->rank, seen, timed, (double)total / 1e6);
	if (longest != NULL && n > 0 && (size_t)n < room)
		snprintf(line + n, room - (size_t)n, "; longest %.3f ms: %s number %" PRIu64 ", %" PRIu64
			" bytes, %s/%s, %d channels", (double)most / 1e6, word(longest->func, func),
			longest->sequence, ct_profile_bytes(profile, longest), word(longest->algo, algo),
			word(longest->proto, proto), longest->channels);
}

bool ct_profile_find(const struct ct_profile *profile, const void *send, const void *receive,
	struct ct_profiler_choice *choice)
{
	uint64_t seen = atomic_load(&profile->colls.seen), last = first_of(seen);

	if (seen >= CT_PROFILE_LOOK && last < seen - CT_PROFILE_LOOK + 1)
		last = seen - CT_PROFILE_LOOK + 1;
	for (uint64_t n = seen; n >= last; n--) {
		const struct ct_profile_event *event = &profile->colls.events[n % CT_PROFILE_EVENTS];

		if (atomic_load_explicit(&event->number, memory_order_acquire) != n ||
			event->send != send || event->receive != receive)
			continue;
		word(event->algo, choice->algo);
		word(event->proto, choice->proto);
		choice->channels = event->channels;
		return true;
	}
	return false;
}
