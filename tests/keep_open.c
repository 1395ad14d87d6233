/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Part of sanitizer builds only: nothing that was opened is ever closed. The leak report comes at
 * the program's end and could not name a function of a plugin that is gone by then, so the leaks
 * of MPI's own plugins would pass for ours (tests/lsan.supp names them by file).
 */
__attribute__((visibility("default"))) int dlclose(void *handle);

int dlclose(void *handle)
{
	(void)handle;
	return 0;
}
