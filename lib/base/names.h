/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of the public enums, and "did you mean". */
#ifndef CT_BASE_NAMES_H
#define CT_BASE_NAMES_H

#include <stddef.h>

#include "status.h"

/* The field's word for the value ("allreduce", "float", "sum"); "?" when out of range. */
CT_MODULE_API const char *ct_coll_name(ct_coll coll);
CT_MODULE_API const char *ct_type_name(ct_type type);
CT_MODULE_API const char *ct_op_name(ct_op op);

/* Bytes of one element: 2, 4 or 8; 0 when out of range. */
CT_MODULE_API size_t ct_type_bytes(ct_type type);

/* Text to value; CT_INVALID names the nearest. ct_type_parse also takes MPI- and NCCL-style
 * synonyms: int (int32), fp16/float16 (half), bf16 (bfloat16), float32, float64. */
ct_status ct_coll_parse(const char *text, ct_coll *coll);
ct_status ct_type_parse(const char *text, ct_type *type);
ct_status ct_op_parse(const char *text, ct_op *op);

/* The one of NAMES (NULL-ended) with the least edit distance (Levenshtein, with swaps of
 * neighbours; letters' case does not count) to TEXT, the first of equals, or NULL when none is
 * nearer than half of TEXT's length + 1. The result is one of NAMES: nothing to free. */
CT_MODULE_API const char *ct_nearest(const char *text, const char *const *names);

/* The same over an array of structs whose first member is a `const char *`. */
const char *ct_nearest_row(const char *text, const void *rows, size_t count, size_t row_bytes);

/* Edits that turn A into B, as above; letters' case does not count. SIZE_MAX when one of them has
 * more than 63 bytes. Symmetric. */
size_t ct_edit_distance(const char *a, const char *b);

/* The end of a message about an unknown name: "; did you mean \"X\"?", or without a near one
 * "; known: X, Y, Z" (cut to fit). Returns OUT. */
const char *ct_name_hint(const char *text, const char *const *names, char out[256]);

#endif
