/* SPDX-License-Identifier: BSD-3-Clause */
/* Folders of files for a test to read from, removed as a whole. Include after cmocka.h. */
#ifndef CT_TEST_TREE_H
#define CT_TEST_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* An empty folder; ROOT holds at least 32 bytes. 0, or -1 as cmocka's set-ups say it. */
static inline int tree_make(char *root)
{
	strcpy(root, "/tmp/ct-tree-XXXXXX");
	return mkdtemp(root) == NULL ? -1 : 0;
}

static inline int tree_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int tree_remove(const char *root)
{
	return nftw(root, tree_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes TEXT to PATH below ROOT, with the folders on the way. */
static inline void tree_put(const char *root, const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		mkdir(full, 0700);
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

#endif
