/* SPDX-License-Identifier: BSD-3-Clause */
#include "xml.h"

#include <libxml/xmlwriter.h>
#include <stdio.h>

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

ct_status ct_xml_save(struct ct_xml *xml, const char *path)
{
	ct_status status;

	if (xml->writer != NULL)
		xmlFreeTextWriter(xml->writer); /* flushes */
	if (xml->bad)
		status = ct_fail(CT_NOMEM, "%s: libxml2 cannot write it", path);
	else
		status = ct_file_save(path, (const char *)xmlBufferContent(xml->buffer),
			(size_t)xmlBufferLength(xml->buffer), 0644);
	if (xml->buffer != NULL)
		xmlBufferFree(xml->buffer);
	return status;
}
