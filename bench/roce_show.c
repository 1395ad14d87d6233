/* SPDX-License-Identifier: BSD-3-Clause */
/* Recommended values for people and for programs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "roce.h"

/* "-" for what does not exist */
static const char *real(char out[32], double value, const char *format)
{
	if (isnan(value))
		snprintf(out, 32, "-");
	else
		/* of the three literals below */
		snprintf(out, 32, format[0] == '0' ? "%.0f" : format[0] == '1' ? "%.2f" : "%.3g", value);
	return out;
}

static double cells(const struct ct_roce_advice *a, double bytes)
{
	return a->in.cell > 0 ? ceil(bytes / a->in.cell) : NAN;
}

static void show_row(const struct ct_roce_advice *a, const struct ct_roce_value *v, struct ct_buf *out)
{
	bool bytes = strcmp(v->unit, "bytes") == 0 && strncmp(v->id, "mtu", 3) != 0;
	char value[32], cell[32], us[32], bdp[32], text[400];
	double line = bytes ? ct_roce_line_us(v->value, a->in.link.Gbps) : NAN;

	ct_buf_add(out, "%c %-24s %12s %-6s %8s %9s %7s\n", v->chosen ? '*' : ' ', v->id,
		real(value, v->value, "0"), v->unit,
		real(cell, bytes ? cells(a, v->value) : NAN, "0"), real(us, line, "1"),
		real(bdp, line / a->in.rtt_us, "1"));
	snprintf(text, sizeof(text), "%s [%s%s%s]", v->formula, v->inputs,
		v->inputs[0] != '\0' ? "; " : "", v->source);
	ct_buf_wrapped(out, "      ", text);
}

static bool fits(const struct ct_roce_profile *p, double Gbps)
{
	return Gbps >= p->low_Gbps && Gbps <= p->high_Gbps;
}

static void show_profiles(const struct ct_roce_advice *a, struct ct_buf *out)
{
	double Gbps = a->in.link.Gbps;
	char low[32], high[32], bdp[32];

	ct_buf_add(out, "\nPublished for %g Gb/s\n  %-31s %9s %9s %5s %9s %9s %8s\n", Gbps, "", "Kmin",
		"Kmax", "Pmax", "Kmin us", "Kmax us", "Kmin BDP");
	for (const struct ct_roce_profile *p = ct_roce_profiles(); p->name != NULL; p++) {
		double unit = p->per_Gbps ? Gbps : 1;
		double us = ct_roce_line_us(p->kmin * unit, Gbps);

		if (!fits(p, Gbps))
			continue;
		ct_buf_add(out, "  %-31s %9.0f %9.0f %4g%% %9s %9s %8s\n", p->name, p->kmin * unit,
			p->kmax * unit, p->pmax, real(low, us, "1"),
			real(high, ct_roce_line_us(p->kmax * unit, Gbps), "1"),
			real(bdp, us / a->in.rtt_us, "1"));
		ct_buf_wrapped(out, "      ", p->source);
	}
}

void ct_roce_show(const struct ct_roce_advice *a, struct ct_buf *out)
{
	ct_buf_add(out, "RoCE at %g Gb/s, %g m of cable, port MTU %g, lossless MTU %g, RTT %g us, fan-in %g\n"
		"computed, not measured; * = to be set\n\n"
		"  %-24s %12s %-6s %8s %9s %7s\n", a->in.link.Gbps, a->in.link.metres, a->in.link.port_mtu,
		a->in.link.lossless_mtu, a->in.rtt_us, a->in.fan_in, "", "value", "", "cells",
		"us", "BDP");
	for (size_t i = 0; i < a->n; i++)
		show_row(a, &a->rows[i], out);
	if (a->note[0] != '\0')
		ct_buf_wrapped(out, "note: ", a->note);
	show_profiles(a, out);
}

static json_t *number(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static json_t *json_row(const struct ct_roce_advice *a, const struct ct_roce_value *v)
{
	bool bytes = strcmp(v->unit, "bytes") == 0;
	double line = bytes ? ct_roce_line_us(v->value, a->in.link.Gbps) : NAN;

	return json_pack("{s:s,s:s,s:o,s:b,s:o,s:o,s:o,s:s,s:s,s:s}", "id", v->id, "unit", v->unit, "value",
		number(v->value), "set", v->chosen, "cells", number(bytes ? cells(a, v->value) : NAN),
		"line_us", number(line), "bdp", number(line / a->in.rtt_us), "formula", v->formula,
		"inputs", v->inputs, "source", v->source);
}

json_t *ct_roce_json(const struct ct_roce_advice *a, const json_t *origins)
{
	const struct ct_roce_input *in = &a->in;
	json_t *values = json_array(), *published = json_array();

	for (size_t i = 0; i < a->n; i++)
		json_array_append_new(values, json_row(a, &a->rows[i]));
	for (const struct ct_roce_profile *p = ct_roce_profiles(); p->name != NULL; p++) {
		double unit = p->per_Gbps ? in->link.Gbps : 1;

		if (fits(p, in->link.Gbps))
			json_array_append_new(published, json_pack("{s:s,s:f,s:f,s:f,s:s}", "name", p->name,
				"kmin_bytes", p->kmin * unit, "kmax_bytes", p->kmax * unit, "pmax_percent",
				p->pmax, "source", p->source));
	}
	return json_pack("{s:s,s:s,s:{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f},s:O,s:o,s:o,s:s}",
		"schema", "colltune-roce/1", "version", ct_version(), "inputs",
		"speed_Gbps", in->link.Gbps, "cable_m", in->link.metres, "port_mtu", in->link.port_mtu,
		"lossless_mtu", in->link.lossless_mtu, "buffer_bytes", in->buffer, "ports", in->ports,
		"rtt_us", in->rtt_us, "fan_in", in->fan_in, "cell_bytes", in->cell, "alpha", in->alpha,
		"lossless_priorities", in->lossless, "origins", origins,
		"values", values, "published", published, "note", a->note);
}
