/* SPDX-License-Identifier: BSD-3-Clause */
/* The node for Graphviz. */
#include <string.h>

#include "node_boxes.h"
#include "picture.h"

/* A quoted string: Graphviz takes \n as a new line, so that both marks are escaped. */
static void add_words(struct ct_buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		ct_buf_add(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
}

static void add_label(struct ct_buf *out, const struct ct_node_box *box)
{
	ct_buf_add(out, "label=\"");
	add_words(out, box->title);
	for (int i = 0; i < box->lines; i++) {
		ct_buf_add(out, "\\n");
		add_words(out, box->line[i]);
	}
	ct_buf_add(out, "\"");
}

/* HOLDER as a cluster, with all that lies in it; holders are at most three deep. */
static void add_holder(struct ct_buf *out, const struct ct_node_boxes *b, size_t holder)
{
	ct_buf_add(out, "subgraph cluster_%zu {\n\t", holder);
	add_label(out, &b->boxes[holder]);
	ct_buf_add(out, ";\n");
	for (size_t i = holder + 1; i < b->n; i++) {
		if (b->boxes[i].inside != holder)
			continue;
		if (ct_box_holds(&b->boxes[i])) {
			add_holder(out, b, i);
			continue;
		}
		ct_buf_add(out, "\tb%zu [", i);
		add_label(out, &b->boxes[i]);
		ct_buf_add(out, "%s];\n", b->boxes[i].low ? ", color=red" : "");
	}
	ct_buf_add(out, "}\n");
}

static void add_links(struct ct_buf *out, const struct ct_node_boxes *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct ct_node_box *box = &b->boxes[i];

		if (box->above != CT_BOX_NONE) {
			ct_buf_add(out, "b%zu -- b%zu [label=\"%s%s%s\"%s];\n", box->above, i,
				box->link.rate, box->link.under[0] != '\0' ? "\\n" : "",
				box->link.under, box->link.low ? ", color=red, fontcolor=red" : "");
		}
		if (box->nvlinks > 0)
			ct_buf_add(out, "b%zu -- b%zu [label=\"%u NVLinks%s\", color=darkgreen];\n", i,
				b->nvswitch, box->nvlinks, box->nvrate);
	}
}

ct_status ct_picture_dot(const struct ct_machine *machine, const char *path)
{
	struct ct_buf out = ct_buf_make(SIZE_MAX);
	struct ct_node_boxes boxes;
	ct_status status = ct_node_boxes_make(machine, &boxes);

	if (status != CT_OK)
		return status;
	ct_buf_add(&out, "graph machine {\nrankdir=LR;\nnode [shape=box];\n");
	add_holder(&out, &boxes, 0);
	add_links(&out, &boxes);
	ct_buf_add(&out, "}\n");
	status = ct_buf_status(&out);
	if (status == CT_OK)
		status = ct_file_save(path, out.text, out.used, 0644);
	ct_buf_free(&out);
	ct_node_boxes_free(&boxes);
	return status;
}
