/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the board and says in one line who keeps the others waiting. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"

/* A rank beats every 50 ms. Silence of a second is told by itself; less only with evidence. */
enum { SILENT_NS = 1000000000, LATE_NS = 200000000, MOST_NAMED = 8 };

struct line {
	char *out;
	size_t room, used;
};

__attribute__((format(printf, 2, 3)))
static void add(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	if (line->used + 1 >= line->room)
		return;
	va_start(args, format);
	n = vsnprintf(line->out + line->used, line->room - line->used, format, args);
	va_end(args);
	if (n > 0)
		line->used += (size_t)n < line->room - line->used ? (size_t)n :
			line->room - line->used - 1;
}

/* State letter of process PID ("R", "S", "T", "Z", …; proc(5), stat), 0 if there is none. */
static char process_state(uint32_t pid)
{
	char path[40], text[256];
	const char *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	end = strrchr(text, ')'); /* the name before it may hold anything */
	return end != NULL && end[1] == ' ' ? end[2] : 0;
}

/* "stopped", "dead", "stopped or dead", or NULL while nothing is known against slot I. */
static const char *verdict(const struct ct_board *board, uint32_t i, uint64_t silent_ns)
{
	char state;

	if (silent_ns < LATE_NS)
		return NULL;
	state = process_state(board->world->pid_of[board->rank_of[i]]);
	if (state == 'T' || state == 't')
		return "stopped";
	if (state == 0 || state == 'Z' || state == 'X')
		return "dead";
	return silent_ns >= SILENT_NS ? "stopped or dead" : NULL;
}

static void begin_item(struct line *line)
{
	if (line->used > 0)
		add(line, "; ");
}

/* (a) Ranks without a sign of life, and those that have left. Returns how many are silent. */
static uint32_t name_silent(const struct ct_board *board, uint64_t now_ns, struct line *line)
{
	const struct ct_world *w = board->world;
	uint32_t named = 0;

	for (uint32_t i = 0; i < w->local_ranks && named < MOST_NAMED; i++) {
		const struct ct_slot *slot = &board->slots[i];
		uint64_t beat = atomic_load(&slot->beat_ns), silent;
		const char *what;

		if (i == w->local_rank || beat == 0)
			continue;
		if (atomic_load(&slot->left) != 0) {
			begin_item(line);
			add(line, "rank %u has left", board->rank_of[i]);
			continue; /* maybe since its own watchdog was first: look further */
		}
		silent = now_ns > beat ? now_ns - beat : 0;
		what = verdict(board, i, silent);
		if (what == NULL)
			continue;
		begin_item(line);
		add(line, "rank %u (pid %u, host %s) has given no sign of life for %.1f s: %s",
			board->rank_of[i], w->pid_of[board->rank_of[i]],
			w->hosts[w->host_of[w->rank]].name, (double)silent / 1e9, what);
		named++;
	}
	return named;
}

/* (b) Ranks that are in an earlier phase than the one farthest on. */
static uint32_t name_behind(const struct ct_board *board, struct line *line)
{
	uint64_t first = 0;
	uint32_t named = 0;

	for (uint32_t i = 0; i < board->world->local_ranks; i++) {
		uint64_t phase = atomic_load(&board->slots[i].phase);

		first = phase > first ? phase : first;
	}
	for (uint32_t i = 0; i < board->world->local_ranks && named < MOST_NAMED; i++) {
		const struct ct_slot *slot = &board->slots[i];
		char text[CT_BOARD_TEXT];

		if (atomic_load(&slot->phase) == first || atomic_load(&slot->beat_ns) == 0 ||
			atomic_load(&slot->left) != 0)
			continue;
		ct_board_get(slot->phase_text, text);
		begin_item(line);
		add(line, "rank %u is still in \"%s\"", board->rank_of[i], text);
		named++;
	}
	return named;
}

/* Does TEXT ("recv 2 of 6 from rank 3") name RANK? */
static bool names_rank(const char *text, uint32_t rank)
{
	while ((text = strstr(text, "rank ")) != NULL) {
		unsigned peer;

		text += strlen("rank ");
		if (sscanf(text, "%u", &peer) == 1 && peer == rank)
			return true;
	}
	return false;
}

/* How many local ranks wait for RANK; those that wait in PLACE count. */
static uint32_t waiters(const struct ct_board *board, uint32_t rank, uint64_t place,
	struct line *line)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < board->world->local_ranks; i++) {
		char text[CT_BOARD_TEXT];

		if (board->rank_of[i] == rank || atomic_load(&board->slots[i].place) != place)
			continue;
		ct_board_get(board->slots[i].awaits, text);
		if (!names_rank(text, rank))
			continue;
		count++;
		if (line != NULL && count <= MOST_NAMED)
			add(line, " %u", board->rank_of[i]);
	}
	return count;
}

/* (c) Whom most wait for in PLACE. Returns how many are named. */
static uint32_t name_awaited(const struct ct_board *board, uint64_t place, struct line *line)
{
	uint32_t most = 0, named = 0;

	for (uint32_t r = 0; r < board->world->nranks; r++) {
		uint32_t n = waiters(board, r, place, NULL);

		most = n > most ? n : most;
	}
	for (uint32_t r = 0; most > 0 && r < board->world->nranks && named < 2; r++) {
		if (waiters(board, r, place, NULL) != most)
			continue;
		begin_item(line);
		add(line, "rank %u, awaited by rank%s", r, most > 1 ? "s" : "");
		waiters(board, r, place, line);
		named++;
	}
	return named;
}

void ct_board_suspects(const struct ct_board *board, uint64_t now_ns, char *out, size_t room)
{
	struct line line = { out, room, 0 };
	char text[CT_BOARD_TEXT];
	uint32_t known;

	if (room == 0)
		return;
	out[0] = '\0';
	known = name_silent(board, now_ns, &line);
	known += name_behind(board, &line);
	/* A rank stuck in what is measured points at the culprit; one stuck in the control plane
	 * mostly waits for the first. */
	if (known == 0)
		known = name_awaited(board, CT_IN_MEASURED, &line);
	if (known == 0)
		known = name_awaited(board, CT_IN_CONTROL, &line);
	if (known == 0)
		add(&line, "nothing is known: the ranks of this host live and are in one phase");
	ct_board_get(ct_board_mine(board)->awaits, text);
	if (text[0] != '\0')
		add(&line, "; this rank waits in %s", text);
}
