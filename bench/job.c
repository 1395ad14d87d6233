/* SPDX-License-Identifier: BSD-3-Clause */
#include "job.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"

enum { MAX_MODULES = 4 };
enum { BOOT_AUTO, BOOT_MPI, BOOT_SINGLE, BOOT_ENV };
enum { STYLE_PLAIN, STYLE_NAGIOS };

static const char *const boot_choices[] = { "auto", "mpi", "single", "env", NULL };
static const char *const style_choices[] = { "plain", "nagios", NULL };

#define AT(field) offsetof(struct ct_job_settings, field)
const struct ct_option ct_rank_options[] = {
	{ "boot", 0, CT_OPT_CHOICE, AT(boot), "auto", 0, 0, boot_choices, "WORD",
		"how the ranks find each other; env: by RANK, WORLD_SIZE, MASTER_ADDR as torchrun sets them; auto: "
		"MPI or env as the launcher is, else one rank alone" },
	{ "threads", 't', CT_OPT_INT, AT(threads), "1", 1, 256, NULL, "N",
		"ranks as threads of this one process, without a launcher" },
	{ "module-dir", 0, CT_OPT_TEXT, AT(module_dir), PKGLIBDIR, 0, 0, NULL, "DIR",
		"absolute directory of colltune-mpi.so and colltune-verbs.so" },
	{ "timeout", 'T', CT_OPT_TIME, AT(timeout), "60s", 1e8, 8.64e13, NULL, "TIME",
		"deadline of each phase; then the suspect is named and the job ends (exit 4)" },
	{ "log", 0, CT_OPT_TEXT, AT(log), "warn", 0, 0, NULL, "LEVEL[:AREAS]",
		"error, warn, info, debug or trace, on stderr" },
	{ "exit-style", 0, CT_OPT_CHOICE, AT(exit_style), "plain", 0, 0, style_choices, "WORD",
		"nagios: 0 pass, 1 inconclusive, 2 failed, 3 not measured" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};

const struct ct_option ct_library_options[] = {
	{ "nccl-lib", 0, CT_OPT_TEXT, AT(coll_rows.nccl.lib), NULL, 0, 0, NULL, "FILE",
		"library with NCCL's ABI; none given: libnccl.so.2, then librccl.so.1" },
	{ "gpu-lib", 0, CT_OPT_TEXT, AT(coll_rows.nccl.gpu_lib), NULL, 0, 0, NULL, "FILE",
		"its device library, with the ABI of CUDA's driver or HIP; none given: those two; the word "
		"none: host memory" },
	{ "gpus", 'g', CT_OPT_INT, AT(gpus), "1", 1, 256, NULL, "N",
		"nccl: GPUs of this process, as nccl-tests' -g; a rank, and a thread, for each of -t times -g" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};

const struct ct_option ct_communicator_options[] = {
	{ "cudagraph", 'G', CT_OPT_INT, AT(coll_rows.nccl.graphs), "0", 0, 1e9, NULL, "N",
		"nccl: above 0 each sample launches a captured graph" },
	{ "local-register", 'R', CT_OPT_INT, AT(coll_rows.nccl.registered), "0", 0, 2, NULL, "N",
		"nccl: 1: buffers are registered, 2: as symmetric windows" },
	{ "split", 0, CT_OPT_TEXT, AT(split), NULL, 0, 0, NULL, "WORD",
		"nccl: communicators of one node each, of one rail each, or of so many consecutive ranks, all at "
		"work at once: node, rail or a number" },
	{ "nonblocking", 0, CT_OPT_FLAG, AT(coll_rows.nccl.nonblocking), NULL, 0, 0, NULL, NULL,
		"nccl: communicators whose calls return at once and can be aborted" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};

const struct ct_option ct_job_options[] = {
	{ "coll", 0, CT_OPT_TEXT, AT(coll), NULL, 0, 0, NULL, "LIST",
		"backends, interleaved: native, mpi, verbs, nccl, trace; none given: native, for accept all" },
	{ "net", 0, CT_OPT_TEXT, AT(net), "auto", 0, 0, NULL, "LIST",
		"transports of backend native: auto, self, shm, tcp, verbs" },
	{ "algo", 0, CT_OPT_TEXT, AT(algo), NULL, 0, 0, NULL, "LIST",
		"algorithms, or all; none given: each backend's default" },
	{ "out", 0, CT_OPT_TEXT, AT(out), NULL, 0, 0, NULL, "DIR",
		"keep everything measured in the new directory DIR" },
	{ "resume", 0, CT_OPT_FLAG, AT(resume), NULL, 0, 0, NULL, NULL,
		"go on in an --out directory; points that are there are not measured again" },
	{ "seed", 0, CT_OPT_INT, AT(seed), "1", 0, 9e15, NULL, "N", "of the inputs and of the order" },
	{ "progress", 0, CT_OPT_FLAG, AT(progress), NULL, 0, 0, NULL, NULL,
		"a line on stderr for each finished point" },
	{ "net-fault", 0, CT_OPT_TEXT, AT(net_fault), NULL, 0, 0, NULL, "FAULT",
		"break the measured transport: delay|drop|fail|corrupt[:nth=N][:rank=R][:ms=T]" },
	{ "net-trace", 0, CT_OPT_TEXT, AT(net_trace), NULL, 0, 0, NULL, "FILE",
		"one line per message, FILE.RANK for each rank" },
	{ "record", 0, CT_OPT_TEXT, AT(record), NULL, 0, 0, NULL, "PREFIX",
		"record what the backend did to PREFIX.RANK" },
	{ "replay", 0, CT_OPT_TEXT, AT(replay), NULL, 0, 0, NULL, "PREFIX",
		"what backend trace replays" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

struct start {
	const char *command;
	const struct ct_job_settings *settings;
	struct ct_ending *ending;
	struct ct_net_wrap wrap; /* the sessions borrow it */
	ct_rank_job *job;
	void *arg;
	atomic_int exit_code;
	const struct ct_module *modules[MAX_MODULES + 1]; /* NULL-ended */
	size_t nmodules;
};

/* Ranks of this process, each a thread where there are several. */
static int64_t ranks_here(const struct ct_job_settings *s)
{
	return s->threads * (s->gpus > 1 ? s->gpus : 1);
}

static int style_exit(int code, int style)
{
	static const int nagios[] = { 0, 2, 3, 3, 3, 1 };

	return style == STYLE_NAGIOS && code >= 0 && code <= 5 ? nagios[code] : code;
}

/* One line, by rank 0; by another rank only when rank 0 has had its chance and the job still
 * stands, because then rank 0 may be the one that is gone. */
static void complain(const struct ct_rank *rank, ct_status status)
{
	char text[600];
	bool alone = status == CT_PEER || status == CT_TIMEOUT;

	if (rank->world.rank == 0) {
		snprintf(text, sizeof(text), "%s", ct_why());
	} else if (alone) {
		snprintf(text, sizeof(text), "rank %u: %s", rank->world.rank, ct_why());
		usleep(500000);
	} else {
		return;
	}
	fprintf(stderr, "colltune %s: %s\n", rank->command, text);
}

static ct_status open_session(struct ct_rank *rank, const struct start *start)
{
	const struct ct_job_settings *s = start->settings;
	struct ct_group group;
	struct ct_session_attr attr = {
		.world = &rank->world,
		.modules = rank->modules,
		.net_settings = &s->net_rows,
		.coll_settings = &s->coll_rows,
		.net_wrap = s->net_fault != NULL || s->net_trace != NULL ? &start->wrap : NULL,
		.record = s->record,
		.replay = s->replay,
		.deadline_ns = s->timeout,
		.on_expire = ct_ending_expire,
		.interrupted = ct_ending_interrupted,
		.arg = rank,
	};

	ct_status status = CT_OK;

	if (s->split != NULL) {
		status = ct_world_group(&rank->world, s->split, &group);
		attr.group = &group;
	}
	return status == CT_OK ? ct_session_open(&attr, &rank->session) : status;
}

/* A rank that the launcher is about to end by SIGTERM sees its peers go first: the signal is the
 * truer word, so it gets its chance (2 s: a launcher on a busy machine takes its time). */
static void wait_for_signal(const struct ct_ending *ending, ct_status status)
{
	if (status != CT_PEER || ct_cli_launcher().name == NULL)
		return;
	for (int i = 0; i < 200 && atomic_load(&ending->signal) == 0; i++)
		usleep(10000);
}

static void close_store(struct ct_rank *rank, ct_status status, int code)
{
	char note[64];

	if (rank->store == NULL)
		return;
	snprintf(note, sizeof(note), "exit status %d", code);
	(void)ct_store_state(rank->store, ct_ending_state(rank->ending, status),
		status == CT_OK ? note : ct_why());
	/* Only now: until the state is written, the signal thread must be able to write it. */
	ct_ending_store(rank->ending, NULL);
	ct_store_close(rank->store);
	rank->store = NULL;
}

/* Every rank leaves with the same status; a rank that has lost its peers keeps its own. */
static int agreed_exit(struct ct_rank *rank, ct_status status, int code)
{
	int64_t worst = code;

	if (status != CT_OK && status != CT_INTERRUPTED)
		return code;
	ct_session_phase(rank->session, "end");
	if (ct_session_max(rank->session, &worst, 1) != CT_OK)
		return CT_EXIT_WATCHDOG;
	return (int)worst;
}

static ct_status run_rank(const struct ct_boot *boot, void *arg)
{
	struct start *start = arg;
	/* On the heap: where nobody is left to close with, the watchdog's thread goes on looking at it. */
	struct ct_rank *rank = ct_alloc(1, sizeof(*rank));
	bool speaks = boot->rank == 0 || ranks_here(start->settings) <= 1; /* one rank a process */
	int code = CT_EXIT_PASS;
	ct_status status;

	if (rank == NULL)
		return CT_NOMEM;
	*rank = (struct ct_rank){ .command = start->command, .settings = start->settings,
		.modules = start->modules, .ending = start->ending };
	status = ct_world_make(boot, &rank->world);
	if (status != CT_OK)
		rank->world.rank = boot->rank;
	rank->world.modules = start->modules;
	if (status == CT_OK)
		status = open_session(rank, start);
	if (status == CT_OK) {
		if (speaks)
			ct_ending_session(start->ending, rank->session);
		status = start->job(rank, start->arg, &code);
		wait_for_signal(start->ending, status);
	}
	if (status != CT_OK && status != CT_INTERRUPTED) {
		code = ct_exit_of(status);
		complain(rank, status);
	}
	if (rank->session != NULL)
		code = agreed_exit(rank, status, code);
	close_store(rank, status, code);
	fflush(stdout);
	if (speaks) {
		atomic_store(&start->exit_code, code);
		ct_ending_session(start->ending, NULL);
	}
	/* All is written and said: a launcher that ends the slower ranks now ends nothing. */
	if (ranks_here(start->settings) <= 1)
		atomic_store(&start->ending->over, true);
	if (status == CT_PEER || status == CT_TIMEOUT)
		return status; /* nobody is there to close with */
	ct_session_close(rank->session);
	ct_world_free(&rank->world);
	ct_free(rank);
	return status;
}

static int finish(struct start *start)
{
	int signo = atomic_load(&start->ending->signal);

	atomic_store(&start->ending->over, true);
	if (signo == SIGINT || signo == SIGTERM)
		return 128 + signo;
	return style_exit(atomic_load(&start->exit_code), start->settings->exit_style);
}

static int fail_start(const struct start *start, int code)
{
	ct_cli_complain(start->command, ct_why());
	return style_exit(code, start->settings->exit_style);
}

static int run_threads(struct start *start)
{
	uint32_t n = (uint32_t)ranks_here(start->settings);

	/* Each rank has told its own error; what is left is the exit status. */
	(void)ct_threads_run(n, start->settings->timeout, run_rank, start, NULL);
	return finish(start);
}

static int run_mpi(struct start *start, const struct ct_launcher *launcher)
{
	const struct ct_module *module = NULL;
	struct ct_boot boot;
	ct_status status = ct_module_open(start->settings->module_dir, "mpi", &module);

	if (status != CT_OK)
		return fail_start(start, CT_EXIT_ENVIRONMENT);
	if (module->boot_open(true, &boot) != CT_OK)
		return fail_start(start, CT_EXIT_ENVIRONMENT);
	if (ct_launcher_agrees(launcher, boot.nranks, "MPI library") != CT_OK)
		return fail_start(start, CT_EXIT_ENVIRONMENT);
	start->modules[start->nmodules++] = module;
	status = run_rank(&boot, start);
	if (status == CT_PEER || status == CT_TIMEOUT) {
		/* MPI_Finalize would wait for a rank that is gone. */
		int code = boot.rank == 0 ? finish(start) : CT_EXIT_WATCHDOG;

		fflush(NULL);
		_exit(code);
	}
	module->boot_close(&boot);
	return finish(start);
}

static int run_single(struct start *start, const struct ct_launcher *launcher)
{
	if (ct_launcher_agrees(launcher, 1, "bootstrap") != CT_OK)
		return fail_start(start, CT_EXIT_ENVIRONMENT);
	(void)run_rank(ct_boot_single(), start);
	return finish(start);
}

/* Processes that a launcher without an exchange has started, as torchrun. */
static int run_env(struct start *start)
{
	const struct ct_boot *boot = NULL;
	ct_status status = ct_env_boot_new(start->settings->timeout, &boot);

	if (status != CT_OK)
		return fail_start(start, CT_EXIT_ENVIRONMENT);
	status = run_rank(boot, start);
	if (status != CT_PEER && status != CT_TIMEOUT) /* else a thread may still look at it */
		ct_env_boot_free(boot);
	return finish(start);
}

static ct_status check_settings(const struct ct_job_settings *s, const struct ct_launcher *launcher)
{
	if (ranks_here(s) > 1 && launcher->size > 1)
		return ct_fail(CT_INVALID, "-%c %lld: ranks as threads need a process started by hand, but "
			"%s started %u", s->threads > 1 ? 't' : 'g',
			(long long)(s->threads > 1 ? s->threads : s->gpus), launcher->name, launcher->size);
	if (ranks_here(s) > 256)
		return ct_fail(CT_INVALID, "-t %lld times -g %lld are more than 256 ranks in one process",
			(long long)s->threads, (long long)s->gpus);
	if (s->net_fault != NULL && ct_net_fault_check(s->net_fault) != CT_OK)
		return CT_INVALID;
	if (s->resume && s->out == NULL)
		return ct_fail(CT_INVALID, "--resume needs --out DIR: which results to go on with");
	return CT_OK;
}

static ct_status install_log(const char *text)
{
	enum ct_log_level level;
	uint32_t mask;
	ct_status status = ct_log_parse(text, &level, &mask);

	if (status == CT_OK)
		ct_log_install(ct_log_stderr, NULL, level, mask);
	return status;
}

/* Is NAME, with or without a device ("verbs:mlx5_0"), a word of the comma-separated LIST? */
static bool has_word(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (; list != NULL; list = strchr(list, ',') != NULL ? strchr(list, ',') + 1 : NULL)
		if (strncmp(list, name, n) == 0 && strchr(",:", list[n]) != NULL)
			return true; /* strchr finds the terminating NUL too */
	return false;
}

/* Opens the modules of transports that --net names, or of backends of the same name that --coll
 * names, and for a command without --net (list), or that wants all, those that can be opened. Where a module's file is
 * missing, its row says so. */
static ct_status open_transports(struct start *start)
{
	const char *net = start->settings->all_transports ? NULL : start->settings->net;
	const char *coll = start->settings->coll;

	for (const struct ct_net_ops *const *row = ct_net_rows(); *row != NULL; row++) {
		ct_status status;

		if ((*row)->missing == NULL || start->nmodules + 1 >= MAX_MODULES ||
			(net != NULL && !has_word(net, (*row)->name) && !has_word(coll, (*row)->name)))
			continue;
		status = ct_module_open(start->settings->module_dir, (*row)->name,
			&start->modules[start->nmodules]);
		if (status == CT_OK)
			start->nmodules++;
		else if (status != CT_NOTFOUND && net != NULL)
			return status;
	}
	return CT_OK;
}

static int run_ranks(struct start *start, const struct ct_launcher *launcher, bool mpi)
{
	int boot = start->settings->boot;
	bool torchrun = launcher->name != NULL && strcmp(launcher->name, "torchrun") == 0;

	if (ranks_here(start->settings) > 1)
		return run_threads(start);
	if (boot == BOOT_ENV || (boot == BOOT_AUTO && torchrun && launcher->size > 1))
		return run_env(start);
	if (torchrun && launcher->size == 1 && boot == BOOT_AUTO && !mpi)
		return run_single(start, launcher);
	if (boot == BOOT_MPI || (boot == BOOT_AUTO && (launcher->name != NULL || mpi)))
		return run_mpi(start, launcher);
	return run_single(start, launcher);
}

int ct_job_run(const char *command, const struct ct_job_settings *settings, bool mpi,
	ct_rank_job *job, void *arg)
{
	struct ct_launcher launcher = ct_cli_launcher();
	struct ct_ending ending = { .command = command, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct start start = { .command = command, .settings = settings, .ending = &ending,
		.wrap = { settings->net_fault, settings->net_trace }, .job = job, .arg = arg };
	int code;

	if (install_log(settings->log) != CT_OK || check_settings(settings, &launcher) != CT_OK)
		return fail_start(&start, CT_EXIT_USAGE);
	if (ct_ending_start(&ending) != CT_OK)
		return fail_start(&start, CT_EXIT_ENVIRONMENT);
	code = open_transports(&start) == CT_OK ? run_ranks(&start, &launcher, mpi) :
		fail_start(&start, CT_EXIT_ENVIRONMENT);
	ct_ending_stop(&ending);
	return code;
}

ct_status ct_job_store(struct ct_rank *rank, const json_t *environment)
{
	const struct ct_job_settings *s = rank->settings;
	ct_status status = CT_OK;

	if (s->out == NULL)
		return CT_OK;
	if (rank->world.rank == 0) {
		status = ct_store_open(s->out, s->resume, environment, &rank->store);
		if (status == CT_OK)
			ct_ending_store(rank->ending, rank->store);
	}
	return ct_session_agree(rank->session, status);
}

/* The control plane offers maximum and sum, so text travels as numbers of four bytes each, to
 * which the others contribute nothing. */
ct_status ct_job_broadcast(struct ct_rank *rank, const char *text, size_t bytes, char **copy)
{
	bool root = rank->world.rank == 0;
	int64_t length = root ? (int64_t)bytes : 0, *words;
	ct_status status = ct_session_max(rank->session, &length, 1);
	size_t n = ((size_t)length + 3) / 4;
	char *made;

	if (status != CT_OK)
		return status;
	made = ct_alloc(4 * n + 1, 1);
	words = ct_alloc(n, sizeof(*words));
	status = ct_session_agree(rank->session, made == NULL || words == NULL ? CT_NOMEM : CT_OK);
	if (status == CT_OK) {
		if (root && bytes > 0)
			memcpy(made, text, bytes);
		for (size_t i = 0; root && i < n; i++) {
			uint32_t word;

			memcpy(&word, made + 4 * i, 4);
			words[i] = word;
		}
		status = ct_session_max(rank->session, words, n);
	}
	if (status == CT_OK) {
		for (size_t i = 0; i < n; i++) {
			uint32_t word = (uint32_t)words[i];

			memcpy(made + 4 * i, &word, 4);
		}
		made[length] = '\0';
		*copy = made;
		made = NULL;
	}
	ct_free(made);
	ct_free(words);
	return status;
}
