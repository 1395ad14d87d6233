# SPDX-License-Identifier: BSD-3-Clause
# bench: the colltune command, one file per subcommand.
colltune_SOURCES += bench/bench.h bench/main.c bench/cli.h bench/cli.c bench/job.h bench/job.c \
	bench/alike.c bench/ending.c bench/bench.c bench/plan.h bench/plan.c bench/table.h bench/table.c \
	bench/sink.h bench/sink.c bench/shown.h bench/shown.c bench/accept.c bench/topo.c \
	bench/list.c bench/view.c bench/compare.h bench/compare.c bench/export.c bench/pretend.h bench/pretend.c bench/versus.h bench/versus.c
# Files for others, through libxml2.
colltune_SOURCES += bench/xml.h bench/xml.c bench/child.h bench/child.c bench/picture.h bench/nccl.c \
	bench/node_boxes.h bench/node_boxes.c bench/draw.c bench/node_dot.c
# The fabric: the InfiniBand reader needs libibnetdisc.
colltune_SOURCES += bench/fabric.h bench/fabric.c bench/fabric_cells.h bench/fabric_cells.c \
	bench/fabric_draw.c bench/cluster.h bench/cluster.c bench/yaml.h bench/yaml.c
if WITH_IBNETDISC
colltune_SOURCES += bench/fabric_ib.c
else
colltune_SOURCES += bench/fabric_none.c
endif
EXTRA_DIST += bench/fabric_ib.c bench/fabric_none.c
colltune_SOURCES += bench/perftest.h bench/perftest.c bench/perftest_run.c bench/perftest_view.c \
	bench/perftest_table.c
# Several layers, and several views, of one run.
colltune_SOURCES += bench/ladder.h bench/ladder.c bench/ladder_show.c bench/osu.h bench/osu.c
# The machine files of all hosts.
colltune_SOURCES += bench/machines.h bench/machines.c
colltune_SOURCES += bench/rails.h bench/rails.c
# Results as a page; style, script and chart library are put into the program: touch report_assets.c after a
# change of page.css or page.js, make does not see that it takes them in.
colltune_SOURCES += bench/report.h bench/report.c bench/report_read.c bench/report_series.c \
	bench/report_html.h bench/report_html.c bench/report_tables.c bench/report_text.c bench/report_time.h \
	bench/report_time.c bench/report_baseline.c
noinst_LTLIBRARIES += libassets.la
libassets_la_SOURCES = bench/report_assets.h bench/report_assets.c
libassets_la_CPPFLAGS = $(AM_CPPFLAGS) -DCT_PAGE_DIR='"$(abs_srcdir)/bench/report"' \
	-DCT_CHART_JS='"$(CHART_JS)"'
EXTRA_DIST += bench/report/none.js bench/report/page.css bench/report/page.js
# RoCE: values, and the configurations that set them.
colltune_SOURCES += bench/roce.h bench/roce.c bench/roce_show.c bench/roce_facts.c bench/roce_hosts.c \
	bench/roce_check.c bench/roce_watch.c bench/watch.h bench/watch_show.c bench/congest.h \
	bench/congest_run.c bench/congest_spread.c bench/roce_congest.c bench/roce_traffic.c bench/roce_classes.c \
	bench/roce_input.c bench/roce_rides.h bench/roce_rides.c bench/roce_tap.h bench/roce_tap.c bench/told_class.h bench/told_class.c
# DCB and queues by rtnetlink need libmnl.
colltune_SOURCES += bench/dcb.h
if WITH_LIBMNL
colltune_SOURCES += bench/dcb_mnl.c bench/queue_mnl.c
else
colltune_SOURCES += bench/dcb_none.c
endif
EXTRA_DIST += bench/dcb_mnl.c bench/dcb_none.c bench/queue_mnl.c
# What a type of cluster should reach.
colltune_SOURCES += bench/profile.h bench/profile.c bench/heat.h bench/heat.c bench/leaves.h bench/leaves.c
# The search for the fastest settings.
colltune_SOURCES += bench/tune.h bench/tune.c bench/tune_show.c bench/tune_judge.c bench/tune_repeat.c bench/tune_advice.c bench/tune_check.c \
	bench/overlap.h bench/overlap.c bench/tune_times.c bench/tune_launch.h bench/tune_launch.c bench/tune_relaunch.c bench/words.h bench/words.c \
	bench/verify.h bench/verify.c
# What NCCL's profiler plugin wrote.
colltune_SOURCES += bench/nccl_job.c
# What NCCL chose, by which way, under which variables (bench --explain).
colltune_SOURCES += bench/explain.c bench/explain.h bench/explain_show.c bench/explain_staged.c bench/nccl_log.c bench/nccl_log.h \
	bench/nccl_variables.c bench/nccl_variables.h
