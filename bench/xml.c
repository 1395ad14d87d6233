/* SPDX-License-Identifier: BSD-3-Clause */
#include "xml.h"

#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <string.h>

#include "child.h"

void ct_xml_open(struct ct_xml *xml)
{
	xml->buffer = xmlBufferCreate();
	xml->writer = xml->buffer != NULL ? xmlNewTextWriterMemory(xml->buffer, 0) : NULL;
	xml->bad = xml->writer == NULL;
	if (xml->bad)
		return;
	xmlTextWriterSetIndent(xml->writer, 1);
	xmlTextWriterSetIndentString(xml->writer, BAD_CAST "  ");
}

void ct_xml_begin(struct ct_xml *xml, const char *name)
{
	xml->bad = xml->bad || xmlTextWriterStartElement(xml->writer, BAD_CAST name) < 0;
}

void ct_xml_attribute(struct ct_xml *xml, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	xml->bad = xml->bad ||
		xmlTextWriterWriteAttribute(xml->writer, BAD_CAST name, BAD_CAST value) < 0;
}

void ct_xml_number(struct ct_xml *xml, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	ct_xml_attribute(xml, name, text);
}

void ct_xml_text(struct ct_xml *xml, const char *text)
{
	xml->bad = xml->bad || xmlTextWriterWriteString(xml->writer, BAD_CAST text) < 0;
}

void ct_xml_end(struct ct_xml *xml)
{
	xml->bad = xml->bad || xmlTextWriterEndElement(xml->writer) < 0;
}

static ct_status finish(struct ct_xml *xml, const char *path)
{
	if (xml->writer != NULL)
		xmlFreeTextWriter(xml->writer); /* flushes */
	return xml->bad ? ct_fail(CT_NOMEM, "%s: libxml2 cannot write it", path) : CT_OK;
}

ct_status ct_xml_save(struct ct_xml *xml, const char *path)
{
	ct_status status = finish(xml, path);

	if (status == CT_OK)
		status = ct_file_save(path, (const char *)xmlBufferContent(xml->buffer),
			(size_t)xmlBufferLength(xml->buffer), 0644);
	if (xml->buffer != NULL)
		xmlBufferFree(xml->buffer);
	return status;
}

ct_status ct_xml_take(struct ct_xml *xml, struct ct_buf *out)
{
	ct_status status = finish(xml, "drawing");

	if (status == CT_OK) {
		ct_buf_add(out, "%s", (const char *)xmlBufferContent(xml->buffer));
		status = ct_buf_status(out);
	}
	if (xml->buffer != NULL)
		xmlBufferFree(xml->buffer);
	return status;
}

ct_status ct_xml_drop(struct ct_xml *xml, ct_status status)
{
	if (xml->writer != NULL)
		xmlFreeTextWriter(xml->writer);
	if (xml->buffer != NULL)
		xmlBufferFree(xml->buffer);
	return status;
}

/* librsvg's own command does it, from standard input to standard output: it never sees a path. */
static ct_status save_png(const struct ct_xml *xml, const char *path)
{
	static const char *const argv[] = { "rsvg-convert", "--format=png", NULL };
	const struct ct_child child = { .argv = argv, .in = (const char *)xmlBufferContent(xml->buffer),
		.in_bytes = (size_t)xmlBufferLength(xml->buffer), .out_most = 64 << 20,
		.ns = UINT64_C(60000000000) };
	char *png = NULL;
	size_t bytes = 0;
	ct_status status = ct_child_run(&child, &png, &bytes);

	if (status == CT_UNSUPPORTED)
		return ct_fail(CT_UNSUPPORTED, "%s: a PNG is drawn by rsvg-convert, which is not "
			"installed (Debian: librsvg2-bin); FILE.svg needs nothing", path);
	if (status == CT_OK && (bytes < 8 || memcmp(png, "\x89PNG\r\n\x1a\n", 8) != 0))
		status = ct_fail(CT_IO, "%s: rsvg-convert gave no PNG", path);
	if (status == CT_OK)
		status = ct_file_save(path, png, bytes, 0644);
	ct_free(png);
	return status;
}

ct_status ct_xml_draw(struct ct_xml *xml, const char *path)
{
	size_t length = strlen(path);
	ct_status status;

	if (length < 4 || strcmp(path + length - 4, ".png") != 0)
		return ct_xml_save(xml, path);
	status = finish(xml, path);
	if (status == CT_OK)
		status = save_png(xml, path);
	if (xml->buffer != NULL)
		xmlBufferFree(xml->buffer);
	return status;
}
