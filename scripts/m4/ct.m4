# SPDX-License-Identifier: BSD-3-Clause
# Checks of colltune's configure. Each optional part ends with a ct_NAME_why text that the summary
# shows: "yes …" or "no: reason".

# CT_CHECK_CFLAGS(FLAG, VARIABLE, [IF-YES], [IF-NO])
# Appends FLAG to VARIABLE if the C compiler takes it without a word.
AC_DEFUN([CT_CHECK_CFLAGS], [
AS_VAR_PUSHDEF([cached], [ct_cv_cflag_$1])
AC_CACHE_CHECK([whether $CC accepts $1], [cached], [
	ct_saved_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $1"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
		[AS_VAR_SET([cached], [yes])], [AS_VAR_SET([cached], [no])])
	CFLAGS=$ct_saved_CFLAGS])
AS_VAR_IF([cached], [yes], [AS_VAR_APPEND([$2], [" $1"])
$3], [$4])
AS_VAR_POPDEF([cached])])

# CT_SANITIZE
# Turns $enable_sanitize into SANITIZE_FLAGS (compiling and linking) and checks that they link.
AC_DEFUN([CT_SANITIZE], [
AS_CASE([$enable_sanitize],
	[no|address|undefined|thread|address,undefined|undefined,address], [],
	[AC_MSG_ERROR([--enable-sanitize=$enable_sanitize: address, undefined, address,undefined or thread is wanted])])
AS_IF([test "x$enable_sanitize" != xno], [
	SANITIZE_FLAGS="-fsanitize=$enable_sanitize -fno-omit-frame-pointer -fno-sanitize-recover=undefined"
	AC_MSG_CHECKING([whether $CC links with $SANITIZE_FLAGS])
	ct_saved_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS $SANITIZE_FLAGS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])],
		[AC_MSG_ERROR([this compiler has no sanitizer for $enable_sanitize])])
	CFLAGS=$ct_saved_CFLAGS])
AC_SUBST([SANITIZE_FLAGS])
AM_CONDITIONAL([SANITIZE_THREAD], [test "x$enable_sanitize" = xthread])
AM_CONDITIONAL([SANITIZE], [test "x$enable_sanitize" != xno])])

# CT_MPI_LINKS([IF-YES], [IF-NO])
# Do MPI_CFLAGS and MPI_LIBS compile and link a program?
AC_DEFUN([CT_MPI_LINKS], [
ct_saved_CPPFLAGS=$CPPFLAGS ct_saved_LIBS=$LIBS
CPPFLAGS="$CPPFLAGS $MPI_CFLAGS" LIBS="$MPI_LIBS $LIBS"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <mpi.h>]], [[return MPI_Init(0, 0);]])],
	[ct_links=yes], [ct_links=no])
CPPFLAGS=$ct_saved_CPPFLAGS LIBS=$ct_saved_LIBS
AS_IF([test $ct_links = yes], [$1], [$2])])

# CT_MPI_FLAGS
# Asks the compiler wrapper, or else pkg-config, how MPI is compiled and linked; sets ct_mpi_why.
# The wrapper comes first: after "module load" or hpcx_load it is the one thing in PATH.
AC_DEFUN([CT_MPI_FLAGS], [
AS_CASE([$with_mpi], [auto|yes], [ct_mpicc=mpicc], [ct_mpicc=$with_mpi])
AC_MSG_CHECKING([for MPI through $ct_mpicc])
AS_IF([ct_out=`$ct_mpicc --showme:compile 2>&AS_MESSAGE_LOG_FD`],
	[MPI_CFLAGS=$ct_out
	MPI_LIBS=`$ct_mpicc --showme:link 2>&AS_MESSAGE_LOG_FD`
	ct_mpi_from=$ct_mpicc],
	[test "$ct_mpicc" = mpicc && $PKG_CONFIG --exists ompi-c],
	[MPI_CFLAGS=`$PKG_CONFIG --cflags ompi-c`
	MPI_LIBS=`$PKG_CONFIG --libs ompi-c`
	ct_mpi_from="pkg-config ompi-c"])
AS_IF([test -z "$ct_mpi_from"], [ct_mpi_why="no: $ct_mpicc does not answer --showme:compile"],
	[CT_MPI_LINKS([ct_mpi_why="yes, through $ct_mpi_from"],
		[ct_mpi_why="no: a program does not link with the flags of $ct_mpi_from"])])
AC_MSG_RESULT([$ct_mpi_why])])

# CT_WITH_MPI
# --with-mpi: the module colltune-mpi.so and libcolltune-mpi; libcolltune itself never links MPI.
AC_DEFUN([CT_WITH_MPI], [
AC_ARG_WITH([mpi],
	[AS_HELP_STRING([--with-mpi=auto|yes|no|MPICC],
		[build the MPI module; MPICC is the compiler wrapper to ask for flags [auto]])],
	[], [with_mpi=auto])
ct_mpi_from=
AS_IF([test "x$with_mpi" = xno], [ct_mpi_why="no: --without-mpi"], [CT_MPI_FLAGS])
AS_CASE([$with_mpi,$ct_mpi_why], [auto,*|no,*|*,yes*], [], [AC_MSG_ERROR([MPI: $ct_mpi_why])])
AC_SUBST([MPI_CFLAGS])
AC_SUBST([MPI_LIBS])
AM_CONDITIONAL([WITH_MPI], [AS_CASE([$ct_mpi_why], [yes*], [true], [false])])
AC_CHECK_PROGS([MPIRUN], [mpirun mpiexec], [no])])

# CT_WITH_VERBS
# --with-verbs: the module colltune-verbs.so; libcolltune itself never links libibverbs.
AC_DEFUN([CT_WITH_VERBS], [
AC_ARG_WITH([verbs],
	[AS_HELP_STRING([--with-verbs=auto|yes|no], [build the RDMA module, needs libibverbs [auto]])],
	[], [with_verbs=auto])
ct_verbs_why="no: --without-verbs"
AS_IF([test "x$with_verbs" != xno], [PKG_CHECK_MODULES([IBVERBS], [libibverbs >= 1.11],
	[ct_verbs_why="yes, libibverbs `$PKG_CONFIG --modversion libibverbs`"],
	[ct_verbs_why="no: pkg-config finds no libibverbs >= 1.11"])])
AS_CASE([$with_verbs,$ct_verbs_why], [yes,no*], [AC_MSG_ERROR([verbs: $ct_verbs_why])])
AM_CONDITIONAL([WITH_VERBS], [AS_CASE([$ct_verbs_why], [yes*], [true], [false])])])

# CT_WITH_IBNETDISC
# --with-ibnetdisc: InfiniBand fabrics in the command; the library never links it.
AC_DEFUN([CT_WITH_IBNETDISC], [
AC_ARG_WITH([ibnetdisc],
	[AS_HELP_STRING([--with-ibnetdisc=auto|yes|no],
		[read InfiniBand fabrics, needs libibnetdisc, libibmad, libibumad [auto]])],
	[], [with_ibnetdisc=auto])
ct_ibnetdisc_why="no: --without-ibnetdisc"
AS_IF([test "x$with_ibnetdisc" != xno],
	[PKG_CHECK_MODULES([IBNETDISC], [libibnetdisc >= 5 libibmad >= 5 libibumad >= 3],
	[ct_ibnetdisc_why="yes, libibnetdisc `$PKG_CONFIG --modversion libibnetdisc`"],
	[ct_ibnetdisc_why="no: pkg-config finds no libibnetdisc, libibmad and libibumad"])])
AS_CASE([$with_ibnetdisc,$ct_ibnetdisc_why], [yes,no*],
	[AC_MSG_ERROR([ibnetdisc: $ct_ibnetdisc_why])])
AM_CONDITIONAL([WITH_IBNETDISC],
	[AS_CASE([$ct_ibnetdisc_why], [yes*], [true], [false])])])

# CT_WITH_LIBMNL
# --with-libmnl: PFC, ETS and DSCP maps of network interfaces (DCB) in the command.
AC_DEFUN([CT_WITH_LIBMNL], [
AC_ARG_WITH([libmnl],
	[AS_HELP_STRING([--with-libmnl=auto|yes|no], [read DCB of network interfaces [auto]])],
	[], [with_libmnl=auto])
ct_libmnl_why="no: --without-libmnl"
AS_IF([test "x$with_libmnl" != xno], [PKG_CHECK_MODULES([LIBMNL], [libmnl >= 1.0.4],
	[ct_libmnl_why="yes, libmnl `$PKG_CONFIG --modversion libmnl`"],
	[ct_libmnl_why="no: pkg-config finds no libmnl >= 1.0.4"])])
AS_CASE([$with_libmnl,$ct_libmnl_why], [yes,no*], [AC_MSG_ERROR([libmnl: $ct_libmnl_why])])
AM_CONDITIONAL([WITH_LIBMNL], [AS_CASE([$ct_libmnl_why], [yes*], [true], [false])])])

# CT_WITH_CMOCKA
# --with-cmocka: only the C tests need it. "make check" without it runs the shell tests alone.
AC_DEFUN([CT_WITH_CMOCKA], [
AC_ARG_WITH([cmocka],
	[AS_HELP_STRING([--with-cmocka=auto|yes|no], [build the unit tests [auto]])],
	[], [with_cmocka=auto])
ct_cmocka_why="no: --without-cmocka"
AS_IF([test "x$with_cmocka" != xno], [PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1.5],
	[ct_cmocka_why="yes, cmocka `$PKG_CONFIG --modversion cmocka`"],
	[ct_cmocka_why="no: pkg-config finds no cmocka >= 1.1.5"])])
AS_CASE([$with_cmocka,$ct_cmocka_why], [yes,no*], [AC_MSG_ERROR([unit tests: $ct_cmocka_why])])
AM_CONDITIONAL([WITH_CMOCKA], [AS_CASE([$ct_cmocka_why], [yes*], [true], [false])])])

# CT_WITH_NCCL
# --with-nccl: the real libnccl in a CUDA home, for tests on a stand-in for CUDA; nothing that is
# installed links it. The stand-in fits one version, and finds CUDA's runtime in it by its symbols.
AC_DEFUN([CT_WITH_NCCL], [
AC_ARG_WITH([nccl],
	[AS_HELP_STRING([--with-nccl=auto|no|DIR],
		[test the tuner plugin in libnccl 2.28.9 of the CUDA home DIR, no GPU needed [auto]])],
	[], [with_nccl=auto])
ct_nccl_why="no: --without-nccl"
AS_CASE([$with_nccl], [no], [ct_nccl_places=],
	[auto|yes], [ct_nccl_places="$CUDA_HOME $CUDA_PATH /usr/local/cuda /usr/local/cuda-13.0 /usr/local /usr"],
	[ct_nccl_places=$with_nccl])
AS_IF([test -n "$ct_nccl_places"], [
	ct_nccl_why="no: no nccl.h, cuda.h and libnccl.so.2 in `echo $ct_nccl_places`"
	for ct_dir in $ct_nccl_places; do
		for ct_lib in lib lib64 lib/x86_64-linux-gnu; do
			AS_CASE([$ct_nccl_why], [yes*], [], [CT_TRY_NCCL([$ct_dir], [$ct_dir/$ct_lib])])
		done
	done])
AS_CASE([$with_nccl,$ct_nccl_why], [auto,*|no,*|*,yes*], [], [AC_MSG_ERROR([NCCL: $ct_nccl_why])])
AC_SUBST([NCCL_HOME])
AC_SUBST([NCCL_LIBDIR])
AM_CONDITIONAL([WITH_NCCL], [AS_CASE([$ct_nccl_why], [yes*], [true], [false])])])

# CT_TRY_NCCL(HOME, LIBDIR)
AC_DEFUN([CT_TRY_NCCL], [
AS_IF([test -r "$1/include/nccl.h" && test -r "$1/include/cuda.h" &&
	test -r "$1/include/cuda_runtime_api.h" && test -r "$2/libnccl.so.2"], [
	ct_version=`sed -n 's/^#define NCCL_VERSION_CODE //p' "$1/include/nccl.h"`
	AS_CASE([$host_cpu,$ct_version,`LC_ALL=C readelf -SW "$2/libnccl.so.2" 2>&1`],
		[x86_64,22809,*.symtab*], [
			ct_nccl_why="yes, libnccl 2.28.9 in $2"
			NCCL_HOME=$1
			NCCL_LIBDIR=$2],
		[x86_64,22809,*], [ct_nccl_why="no: $2/libnccl.so.2 has no symbol table"],
		[x86_64,*], [ct_nccl_why="no: $2/libnccl.so.2 is version $ct_version, not 22809"],
		[ct_nccl_why="no: the stand-in for CUDA is for x86_64"])])])

# CT_WITH_CHARTS
# --with-charts: the chart library of `colltune report`, put into the program; its licence (MIT) goes with it.
AC_DEFUN([CT_WITH_CHARTS], [
AC_ARG_WITH([charts],
	[AS_HELP_STRING([--with-charts=auto|no|FILE],
		[Chart.js 3 for the pages of colltune report, chart.min.js [auto]])],
	[], [with_charts=auto])
CHART_JS=`cd "$srcdir" && pwd`/bench/report/none.js
ct_charts_why="no: --without-charts, reports have tables only"
AS_CASE([$with_charts], [no], [], [auto|yes], [
	ct_charts_why="no: no chart.min.js (Debian: libjs-chart.js), reports have tables only"
	for ct_file in /usr/share/javascript/chart.js/chart.min.js /usr/share/nodejs/chart.js/dist/chart.min.js; do
		AS_IF([test -r "$ct_file"], [CHART_JS=$ct_file ct_charts_why="yes, $ct_file"; break])
	done],
	[AS_IF([test -r "$with_charts"], [CHART_JS=$with_charts ct_charts_why="yes, $with_charts"],
		[AC_MSG_ERROR([charts: cannot read $with_charts])])])
AC_SUBST([CHART_JS])])
