/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trains a network of two hidden layers on Fisher's irises. Each rank works out the gradient of its share
 * of the flowers; the gradients are added up over the ranks, and every rank takes the same step. The sum
 * is the only communication: one call, here ct_allreduce().
 */
#include "train.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INPUTS = 4, CLASSES = 3, MOST_FLOWERS = 1000, MOST_HIDDEN = 512 };

struct flowers {
	float in[MOST_FLOWERS][INPUTS];
	int species[MOST_FLOWERS];
	int n;
};

/* Where each layer's weights begin in one vector; biases are the last row of a layer. */
struct model {
	int width[4], at[3];
	size_t size;
	float *weights, *speed, *gradient; /* gradient has one place more: the loss */
	float *layer[4], *error[4];        /* of the flower at hand */
};

struct times {
	double *step, *sum; /* us */
};

/* ---- the sums -------------------------------------------------------------------------------------- */

struct over {
	ct_comm *comm;
	uint32_t nranks;
	float *all; /* nranks vectors, for gather_sum() */
};

static int failed(const char *what)
{
	fprintf(stderr, "train: %s: %s\n", what, ct_why());
	return -1;
}

static int ct_sum(void *arg, float *data, size_t count)
{
	struct over *over = arg;

	return ct_allreduce(over->comm, data, data, count, CT_FLOAT, CT_SUM) == CT_OK ? 0 :
		failed("ct_allreduce");
}

/* The plainest way: every rank gets all vectors and adds them up from rank 0 on. */
static int gather_sum(void *arg, float *data, size_t count)
{
	struct over *over = arg;

	if (ct_allgather(over->comm, data, over->all, count, CT_FLOAT) != CT_OK)
		return failed("ct_allgather");
	for (size_t i = 0; i < count; i++) {
		float sum = over->all[i];

		for (uint32_t r = 1; r < over->nranks; r++)
			sum += over->all[r * count + i];
		data[i] = sum;
	}
	return 0;
}

/* ---- the flowers ------------------------------------------------------------------------------------- */

static int read_flowers(const char *path, struct flowers *f)
{
	char line[200];
	FILE *file = fopen(path, "r");

	if (file == NULL) {
		fprintf(stderr, "train: cannot open %s\n", path);
		return -1;
	}
	for (f->n = 0; f->n < MOST_FLOWERS && fgets(line, sizeof(line), file) != NULL;) {
		float *in = f->in[f->n];

		if (line[0] == '#')
			continue;
		if (sscanf(line, "%f,%f,%f,%f,%d", &in[0], &in[1], &in[2], &in[3], &f->species[f->n]) != 5 ||
			f->species[f->n] < 0 || f->species[f->n] >= CLASSES) {
			fprintf(stderr, "train: %s: \"%s\" is no flower\n", path, line);
			fclose(file);
			return -1;
		}
		f->n++;
	}
	fclose(file);
	return f->n > 0 ? 0 : -1;
}

/* Mean 0 and deviation 1 in each measure, the same on every rank since all read all. */
static void standardise(struct flowers *f)
{
	for (int k = 0; k < INPUTS; k++) {
		double sum = 0, squares = 0, mean, deviation;

		for (int i = 0; i < f->n; i++) {
			sum += (double)f->in[i][k];
			squares += (double)f->in[i][k] * (double)f->in[i][k];
		}
		mean = sum / f->n;
		deviation = sqrt(squares / f->n - mean * mean);
		for (int i = 0; i < f->n; i++)
			f->in[i][k] = (float)(((double)f->in[i][k] - mean) / (deviation > 0 ? deviation : 1));
	}
}

/* ---- the network --------------------------------------------------------------------------------------- */

static int make_model(struct model *m, int hidden)
{
	uint64_t random = 2463534242u;

	*m = (struct model){ .width = { INPUTS, hidden, hidden, CLASSES } };
	for (int l = 0; l < 3; l++) {
		m->at[l] = (int)m->size;
		m->size += (size_t)(m->width[l] + 1) * (size_t)m->width[l + 1];
	}
	m->weights = calloc(3 * m->size + 1, sizeof(float));
	m->layer[0] = calloc(2 * 4, MOST_HIDDEN * sizeof(float));
	if (m->weights == NULL || m->layer[0] == NULL) {
		fprintf(stderr, "train: no memory\n");
		return -1;
	}
	m->speed = m->weights + m->size;
	m->gradient = m->speed + m->size;
	for (int l = 0; l < 4; l++) {
		m->layer[l] = m->layer[0] + l * MOST_HIDDEN;
		m->error[l] = m->layer[0] + (4 + l) * MOST_HIDDEN;
	}
	for (int l = 0; l < 3; l++) {
		float scale = 1 / sqrtf((float)m->width[l]);

		for (int i = 0; i < m->width[l] * m->width[l + 1]; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			m->weights[m->at[l] + i] = scale * ((float)(random >> 40) / 8388608.0f - 1);
		}
	}
	return 0;
}

static void free_model(struct model *m)
{
	free(m->weights);
	free(m->layer[0]);
}

/* Each output's probability, for one flower. */
static void forward(struct model *m, const float *in)
{
	float top, total = 0;

	memcpy(m->layer[0], in, INPUTS * sizeof(float));
	for (int l = 0; l < 3; l++) {
		int n = m->width[l], k = m->width[l + 1];
		const float *w = m->weights + m->at[l];

		for (int j = 0; j < k; j++) {
			float sum = w[n * k + j];

			for (int i = 0; i < n; i++)
				sum += w[i * k + j] * m->layer[l][i];
			m->layer[l + 1][j] = l < 2 ? tanhf(sum) : sum;
		}
	}
	top = m->layer[3][0];
	for (int j = 1; j < CLASSES; j++)
		top = m->layer[3][j] > top ? m->layer[3][j] : top;
	for (int j = 0; j < CLASSES; j++)
		total += m->layer[3][j] = expf(m->layer[3][j] - top);
	for (int j = 0; j < CLASSES; j++)
		m->layer[3][j] /= total;
}

/* Adds one flower's part to gradient and loss. */
static void backward(struct model *m, int species)
{
	m->gradient[m->size] -= logf(m->layer[3][species] + 1e-30f);
	for (int j = 0; j < CLASSES; j++)
		m->error[3][j] = m->layer[3][j] - (j == species ? 1 : 0);
	for (int l = 2; l >= 0; l--) {
		int n = m->width[l], k = m->width[l + 1];
		const float *w = m->weights + m->at[l];
		float *g = m->gradient + m->at[l];

		for (int j = 0; j < k; j++)
			g[n * k + j] += m->error[l + 1][j];
		for (int i = 0; i < n; i++) {
			float back = 0, out = m->layer[l][i];

			for (int j = 0; j < k; j++) {
				g[i * k + j] += out * m->error[l + 1][j];
				back += w[i * k + j] * m->error[l + 1][j];
			}
			m->error[l][i] = back * (1 - out * out);
		}
	}
}

static void take_step(struct model *m, int flowers)
{
	const float rate = 0.1f, momentum = 0.9f;

	for (size_t i = 0; i < m->size; i++) {
		m->speed[i] = momentum * m->speed[i] - rate * m->gradient[i] / (float)flowers;
		m->weights[i] += m->speed[i];
	}
}

static int right_ones(struct model *m, const struct flowers *f)
{
	int right = 0;

	for (int i = 0; i < f->n; i++) {
		const float *out = m->layer[3];
		int best = 0;

		forward(m, f->in[i]);
		for (int j = 1; j < CLASSES; j++)
			best = out[j] > out[best] ? j : best;
		right += best == f->species[i];
	}
	return right;
}

/* ---- the job -------------------------------------------------------------------------------------------- */

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), by_value);
	return values[n / 2];
}

static int learn(const struct ct_boot *boot, const struct train_options *o, struct model *m,
	const struct flowers *f, const struct times *t, train_sum *sum, void *arg)
{
	for (int step = 0; step < o->steps; step++) {
		double begin = now_us(), before;

		memset(m->gradient, 0, (m->size + 1) * sizeof(float));
		for (int i = (int)boot->rank; i < f->n; i += (int)boot->nranks) {
			forward(m, f->in[i]);
			backward(m, f->species[i]);
		}
		before = now_us();
		if (sum(arg, m->gradient, m->size + 1) != 0)
			return 1;
		t->sum[step] = now_us() - before;
		take_step(m, f->n);
		t->step[step] = now_us() - begin;
		if (boot->rank == 0)
			printf("step %d loss %a\n", step, (double)(m->gradient[m->size] / (float)f->n));
	}
	if (boot->rank == 0) {
		printf("right %d of %d\n", right_ones(m, f), f->n);
		printf("# %u ranks, %s: %.1f us per step, %.1f us of it the sum of %zu bytes (medians of %d steps)\n",
			boot->nranks, o->sum, median(t->step, o->steps), median(t->sum, o->steps),
			(m->size + 1) * sizeof(float), o->steps);
		fflush(stdout);
	}
	return 0;
}

static void complain(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "train: %s\n", line);
}

/* What will do the sums, for the record. */
static void show_choice(const struct over *over, size_t count)
{
	struct ct_comm_info info = { .size = sizeof(info) };
	struct ct_call call = ct_call_init(CT_ALLREDUCE, NULL, NULL, 0, CT_FLOAT);
	float *data = over->all;
	char text[160];

	call.send = data;
	call.recv = data;
	call.count = count;
	if (ct_comm_choice(over->comm, &call, text, sizeof(text)) == CT_OK &&
		ct_comm_about(over->comm, &info) == CT_OK && info.rank == 0)
		printf("# all-reduce of %zu bytes by %s; %llu rules in use\n", count * sizeof(float), text,
			(unsigned long long)info.rules);
}

static int run(const struct ct_boot *boot, const struct train_options *o, struct over *over,
	train_sum *own, void *arg)
{
	struct flowers *f = malloc(sizeof(*f));
	struct model m = { .size = 0 };
	struct times t = { calloc((size_t)o->steps, sizeof(double)), calloc((size_t)o->steps, sizeof(double)) };
	int result = 1;

	if (f == NULL || t.step == NULL || t.sum == NULL || read_flowers(o->data, f) != 0 ||
		make_model(&m, o->hidden) != 0)
		goto out;
	standardise(f);
	over->all = calloc(boot->nranks, (m.size + 1) * sizeof(float));
	if (over->all == NULL)
		goto out;
	if (strcmp(o->sum, "ct") == 0) {
		show_choice(over, m.size + 1);
		result = learn(boot, o, &m, f, &t, ct_sum, over);
	} else if (strcmp(o->sum, "gather") == 0) {
		result = learn(boot, o, &m, f, &t, gather_sum, over);
	} else {
		result = learn(boot, o, &m, f, &t, own, arg);
	}
out:
	free(over->all);
	free_model(&m);
	free(t.step);
	free(t.sum);
	free(f);
	return result;
}

int train_rank(const struct ct_boot *boot, const struct train_options *o, train_sum *own, void *arg)
{
	struct ct_comm_attr attr = ct_comm_attr_init(boot);
	struct over over = { NULL, boot->nranks, NULL };
	int result;

	attr.rules = o->rules;
	attr.net = o->net;
	attr.backends = o->backends;
	attr.module_dir = o->module_dir;
	attr.deterministic = o->deterministic;
	attr.log = complain;
	if (ct_comm_open(&attr, &over.comm) != CT_OK) {
		failed("ct_comm_open");
		return 1;
	}
	result = run(boot, o, &over, own, arg);
	ct_comm_close(over.comm);
	return result;
}

/* ---- the command line --------------------------------------------------------------------------------------- */

static int number(const char *text, int low, int high, int *out)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < low || value > high)
		return -1;
	*out = (int)value;
	return 0;
}

/* NAME=TEXT of WORD, or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

int train_parse(int argc, char **argv, const char *own, struct train_options *o)
{
	*o = (struct train_options){ .data = "iris.csv", .sum = "ct", .steps = 100, .hidden = 32 };
	for (int i = 1; i < argc; i++) {
		const char *text;
		int bad = 0;

		if ((text = value_of(argv[i], "--data")) != NULL)
			o->data = text;
		else if ((text = value_of(argv[i], "--rules")) != NULL)
			o->rules = text;
		else if ((text = value_of(argv[i], "--net")) != NULL)
			o->net = text;
		else if ((text = value_of(argv[i], "--backends")) != NULL)
			o->backends = text;
		else if ((text = value_of(argv[i], "--module-dir")) != NULL)
			o->module_dir = text;
		else if ((text = value_of(argv[i], "--sum")) != NULL)
			o->sum = text;
		else if ((text = value_of(argv[i], "--steps")) != NULL)
			bad = number(text, 1, 1000000, &o->steps);
		else if ((text = value_of(argv[i], "--hidden")) != NULL)
			bad = number(text, 1, MOST_HIDDEN, &o->hidden);
		else if (strcmp(argv[i], "--deterministic") == 0)
			o->deterministic = 1;
		else
			bad = 1;
		if (bad != 0) {
			fprintf(stderr, "train: what is %s? known: --data= --steps= --hidden= --sum= --rules= "
				"--net= --backends= --module-dir= --deterministic\n", argv[i]);
			return -1;
		}
	}
	if (strcmp(o->sum, "ct") != 0 && strcmp(o->sum, "gather") != 0 &&
		(own == NULL || strcmp(o->sum, own) != 0)) {
		fprintf(stderr, "train: --sum=%s: ct, gather%s%s\n", o->sum, own != NULL ? " or " : "",
			own != NULL ? own : "");
		return -1;
	}
	return 0;
}
