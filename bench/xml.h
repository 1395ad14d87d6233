/* SPDX-License-Identifier: BSD-3-Clause */
/* An XML file, element by element, through libxml2's writer. The first failure sticks and is told
 * by ct_xml_save(). */
#ifndef CT_BENCH_XML_H
#define CT_BENCH_XML_H

#include "base/base.h"

struct ct_xml {
	void *writer, *buffer; /* libxml2's */
	bool bad;
};

/* Starts a file without a declaration, which NCCL does not expect. */
void ct_xml_open(struct ct_xml *xml);

/* An element; its attributes (none for an empty VALUE); text in it; its end. */
void ct_xml_begin(struct ct_xml *xml, const char *name);
void ct_xml_attribute(struct ct_xml *xml, const char *name, const char *value);
void ct_xml_number(struct ct_xml *xml, const char *name, uint64_t value);
void ct_xml_text(struct ct_xml *xml, const char *text);
void ct_xml_end(struct ct_xml *xml);

/* Writes PATH (0644) by temporary name and rename, and frees what ct_xml_open() made, also after an
 * error. CT_IO, CT_NOMEM. */
ct_status ct_xml_save(struct ct_xml *xml, const char *path);

/* Adds what was written to OUT instead, without a declaration. CT_NOMEM. */
ct_status ct_xml_take(struct ct_xml *xml, struct ct_buf *out);

/* Frees it unsaved and returns STATUS. */
ct_status ct_xml_drop(struct ct_xml *xml, ct_status status);

/* As ct_xml_save() for SVG; a PATH that ends in ".png" gets the picture. Also CT_UNSUPPORTED (no
 * rsvg-convert), CT_TIMEOUT. */
ct_status ct_xml_draw(struct ct_xml *xml, const char *path);

#endif
