/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's board: shared memory in which each rank notes its heartbeat, its phase and whom it
 * waits for, so that when time runs out someone can tell who is missing. It is for diagnosis only:
 * where it cannot be shared, the job runs without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock cannot be shared between processes");

enum { BOARD_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

void ct_board_put(_Atomic uint64_t text[CT_BOARD_WORDS], const char *in)
{
	uint64_t words[CT_BOARD_WORDS] = { 0 };

	ct_text_clean((char *)words, sizeof(words), in);
	for (size_t i = 0; i < CT_BOARD_WORDS; i++)
		atomic_store_explicit(&text[i], words[i], memory_order_relaxed);
}

void ct_board_get(const _Atomic uint64_t text[CT_BOARD_WORDS], char out[CT_BOARD_TEXT])
{
	uint64_t words[CT_BOARD_WORDS + 1] = { 0 };

	for (size_t i = 0; i < CT_BOARD_WORDS; i++)
		words[i] = atomic_load_explicit(&text[i], memory_order_relaxed);
	ct_text_clean(out, CT_BOARD_TEXT, (const char *)words);
}

struct ct_slot *ct_board_mine(const struct ct_board *board)
{
	return &board->slots[board->world->local_rank];
}

void ct_board_ask(struct ct_board *board)
{
	for (uint32_t i = 0; i < board->world->local_ranks; i++)
		atomic_store(&board->slots[i].asked, 1);
}

bool ct_board_failed(const struct ct_board *board, uint64_t epoch)
{
	for (uint32_t i = 0; i < board->world->local_ranks; i++)
		if (i != board->world->local_rank &&
			atomic_load(&board->slots[i].failed) == epoch + 1)
			return true;
	return false;
}

/* Maps the board behind FD, which must be ours, sealed and of the right size: a peer that shrank it
 * could kill us. */
static struct ct_slot *map_board(int fd, size_t bytes)
{
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_uid != geteuid() ||
		st.st_size != (off_t)bytes ||
		(fcntl(fd, F_GET_SEALS) & BOARD_SEALS) != BOARD_SEALS)
		return NULL;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static int create_board(size_t bytes)
{
	int fd = memfd_create("colltune-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (ftruncate(fd, (off_t)bytes) != 0 ||
		fcntl(fd, F_ADD_SEALS, BOARD_SEALS) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Opens descriptor FD of process PID: no name in any directory, and the kernel checks who may. */
static int open_board(uint32_t pid, int32_t fd)
{
	char path[64];

	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Exchanges descriptors; ALL has a place for each rank. */
static ct_status share(struct ct_board *board, int32_t *all, size_t bytes)
{
	const struct ct_world *w = board->world;
	uint32_t lowest = board->rank_of[0];
	int32_t mine = w->rank == lowest ? create_board(bytes) : -1;
	int fd = mine;
	struct ct_slot *slots = NULL;
	ct_status status = w->boot->allgather(w->boot->ctx, &mine, all, sizeof(mine));

	if (status == CT_OK && w->rank != lowest)
		fd = open_board(w->pid_of[lowest], all[lowest]);
	if (status == CT_OK)
		slots = map_board(fd, bytes);
	if (status == CT_OK) /* the descriptor must stay until all have opened it */
		status = ct_boot_agree(w->boot, CT_OK);
	if (fd >= 0)
		close(fd);
	if (slots != NULL && status == CT_OK) {
		board->slots = slots;
		board->bytes = bytes;
	} else if (slots != NULL) {
		munmap(slots, bytes);
	}
	return status;
}

static void list_ranks(struct ct_board *board)
{
	const struct ct_world *w = board->world;
	uint32_t slot = 0;

	for (uint32_t r = 0; r < w->nranks && slot < w->local_ranks; r++)
		if (w->host_of[r] == w->host_of[w->rank])
			board->rank_of[slot++] = r;
}

ct_status ct_board_open(const struct ct_world *world, struct ct_board *board)
{
	size_t bytes = world->local_ranks * sizeof(struct ct_slot);
	struct ct_board b = { .world = world };
	struct ct_slot *own;
	int32_t *all;
	ct_status status;

	b.rank_of = ct_alloc(world->local_ranks, sizeof(*b.rank_of));
	own = b.rank_of == NULL ? NULL : ct_alloc_pages(bytes);
	all = own == NULL ? NULL : ct_alloc(world->nranks, sizeof(*all));
	status = ct_boot_agree(world->boot, all == NULL ? CT_NOMEM : CT_OK);
	if (status != CT_OK)
		goto free_all;
	list_ranks(&b);
	if (world->nranks > 1)
		status = share(&b, all, bytes);
	if (status != CT_OK)
		goto free_all;
	if (b.slots == NULL) {
		if (world->local_ranks > 1)
			ct_log(CT_LOG_WARN, CT_AREA_MEASURE, "the ranks of this host cannot share "
				"memory: a watchdog will not know who is missing");
		b.slots = own;
		own = NULL;
	}
	*board = b;
	b.rank_of = NULL;
free_all:
	ct_free(all);
	ct_free(own);
	ct_free(b.rank_of);
	return status;
}

void ct_board_close(struct ct_board *board)
{
	if (board->slots == NULL)
		return;
	atomic_store(&ct_board_mine(board)->left, 1);
	if (board->bytes > 0)
		munmap(board->slots, board->bytes);
	else
		ct_free(board->slots);
	ct_free(board->rank_of);
	*board = (struct ct_board){ 0 };
}
