/* SPDX-License-Identifier: BSD-3-Clause */
/* The charts of a report. All that they show stands in the tables below them too; this adds what a table
 * cannot: log-log curves, intervals as bands, one value at a time by mouse or keyboard. */
"use strict";
(function () {
	const root = document.documentElement;
	const data = JSON.parse(document.getElementById("data").textContent);
	const dark = window.matchMedia("(prefers-color-scheme: dark)");
	/* Okabe and Ito's colours, which the colour-blind tell apart; the two dark ones lighter on dark. */
	const hues = [["#0072b2", "#56b4e9"], ["#d55e00", "#ff9b4a"], ["#007a59", "#3ddbb0"], ["#a8477f", "#e39ac3"],
		["#7a6a00", "#f0e442"], ["#5b5b5b", "#bbbbbb"], ["#4b3fb0", "#a9a1ff"], ["#8c2d04", "#e6a27f"]];
	const dashes = [[], [8, 3], [2, 3], [8, 3, 2, 3]];
	const charts = [];

	function sizeText(bytes) {
		const units = ["", "K", "M", "G", "T"];
		let i = 0;
		while (bytes >= 1024 && bytes % 1024 === 0 && i < 4) {
			bytes /= 1024;
			i++;
		}
		return bytes + units[i];
	}

	function three(value) {
		return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
	}

	function timeText(ns) {
		const units = [["s", 1e9], ["ms", 1e6], ["us", 1e3]];
		for (const [name, one] of units)
			if (ns >= one)
				return three(ns / one) + " " + name;
		return three(ns) + " ns";
	}

	function rateText(Bps) {
		const units = [["GB/s", 1e9], ["MB/s", 1e6], ["kB/s", 1e3]];
		for (const [name, one] of units)
			if (Bps >= one)
				return three(Bps / one) + " " + name;
		return three(Bps) + " B/s";
	}

	function ink(name) {
		return getComputedStyle(root).getPropertyValue(name).trim();
	}

	function hue(i) {
		return hues[i % hues.length][dark.matches ? 1 : 0];
	}

	/* What a curve's points are in each view: [value, low, high, expected]. */
	const views = {
		rate: { title: "bus bandwidth", text: rateText,
			of: p => [p.busbw_Bps, p.busbw_low_Bps, p.busbw_high_Bps, p.expected_busbw_Bps] },
		time: { title: "time", text: timeText, of: p => [p.time_ns, p.low_ns, p.high_ns, p.expected_ns] },
	};

	/* A timeline's points have a moment and one value; its axes are linear and begin at 0. */
	function timeView(unit) {
		const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
		return { title: unit === "ns" ? "time of one operation" : unit, linear: true, of: p => [p.y],
			text: v => v === 0 ? "0" : unit === "ns" ? timeText(v) : short.format(v) };
	}

	/* Log axes begin above 0; a barrier has no bytes. */
	function xOf(p) {
		if (p.t !== undefined)
			return p.t;
		return p.bytes > 0 ? p.bytes : 1;
	}

	function line(curve, i, view, part, more) {
		return Object.assign({
			data: curve.points.map(p => ({ x: xOf(p), y: view.of(p)[part], point: p }))
				.filter(q => q.y > 0 || (view.linear && q.y === 0)),
			borderColor: hue(i), borderWidth: 2, pointRadius: 0, pointHitRadius: 0, pointHoverRadius: 0, fill: false,
			curve: i, part: part, tension: 0,
		}, more);
	}

	/* Low, high with the band between them, the value, and what is possible here. */
	function datasets(curves, view) {
		const sets = [];
		curves.forEach((curve, i) => {
			const thin = { borderWidth: 0 };
			sets.push(line(curve, i, view, 1, thin));
			sets.push(line(curve, i, view, 2, { borderWidth: 0, fill: "-1", backgroundColor: hue(i) + "40" }));
			sets.push(line(curve, i, view, 0, { label: curve.candidate, pointRadius: view.linear ? 0 : 3, pointHitRadius: 8,
				pointHoverRadius: 7, pointBackgroundColor: hue(i), borderDash: curve.beside ? [6, 4] :
				dashes[Math.floor(i / hues.length) % 4] }));
			sets.push(line(curve, i, view, 3, { borderDash: [3, 4], borderWidth: 1.5 }));
		});
		return sets;
	}

	function told(view, curve, p) {
		const [value, low, high, expected] = view.of(p);
		if (view.linear)
			return curve.candidate + ", at " + Number(p.t.toPrecision(3)) + " s: " + view.text(value);
		let text = curve.candidate + ", " + sizeText(p.bytes) + ": " + view.text(value) + " [" + view.text(low) + ", " +
			view.text(high) + "]";
		if (expected > 0)
			text += ", expected " + view.text(expected);
		if (p.verdict !== "unjudged")
			text += ", " + p.verdict;
		return text + (p.wrong > 0 ? ", WRONG DATA" : "");
	}

	/* Seconds are spread evenly; sizes stand where they were measured. */
	function axisX(plot, grid, ticks) {
		if (plot.view.linear)
			return { type: "linear", grid: grid, title: { display: true, text: "seconds", color: ink("--ink") }, ticks: ticks };
		return { type: "logarithmic", grid: grid, title: { display: true, text: "bytes", color: ink("--ink") },
			afterBuildTicks: axis => {
				const all = new Set();
				plot.curves.forEach(c => c.points.forEach(p => all.add(xOf(p))));
				axis.ticks = Array.from(all).sort((a, b) => a - b).map(v => ({ value: v }));
			},
			ticks: Object.assign({ callback: v => sizeText(v) }, ticks) };
	}

	function options(plot) {
		const grid = { color: ink("--line") }, ticks = { color: ink("--ink"), maxRotation: 0, autoSkipPadding: 12 };
		return {
			animation: false, responsive: true, maintainAspectRatio: false, parsing: true,
			interaction: { mode: "nearest", intersect: false },
			scales: {
				x: axisX(plot, grid, ticks),
				y: { type: plot.view.linear ? "linear" : "logarithmic", grid: grid, beginAtZero: plot.view.linear === true,
					title: { display: true, text: plot.view.title, color: ink("--ink") },
					ticks: Object.assign({ callback: v => plot.view.text(v) }, ticks) },
			},
			plugins: {
				legend: { display: false },
				tooltip: { filter: item => item.dataset.part === 0,
					callbacks: { title: () => "",
						label: item => told(plot.view, plot.curves[item.dataset.curve], item.raw.point) } },
			},
		};
	}

	function draw(plot) {
		if (plot.chart !== null)
			plot.chart.destroy();
		plot.chart = new Chart(plot.canvas, { type: "line", data: { datasets: datasets(plot.curves, plot.view) },
			options: options(plot) });
		plot.chart.data.datasets.forEach((set, i) => plot.chart.setDatasetVisibility(i, plot.on[set.curve]));
		plot.chart.update("none");
	}

	/* Arrow keys walk over the values: left and right by size, up and down by curve. */
	function walk(plot, event) {
		const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
		const step = steps[event.key], n = plot.curves.length;
		if (!step)
			return;
		event.preventDefault();
		if (plot.at < 0) {
			plot.at = 0;
			plot.curve = plot.on.indexOf(true);
		} else {
			plot.at += step[0];
			for (let k = 0; step[1] !== 0 && k < n; k++) {
				plot.curve = (plot.curve + step[1] + n) % n;
				if (plot.on[plot.curve])
					break;
			}
		}
		if (plot.curve < 0 || !plot.on[plot.curve])
			return;
		const set = plot.chart.data.datasets.findIndex(s => s.curve === plot.curve && s.part === 0);
		const values = plot.chart.data.datasets[set].data;
		if (values.length === 0)
			return;
		plot.at = Math.min(Math.max(plot.at, 0), values.length - 1);
		const active = [{ datasetIndex: set, index: plot.at }];
		plot.chart.setActiveElements(active);
		plot.chart.tooltip.setActiveElements(active, { x: 0, y: 0 });
		plot.chart.update("none");
		plot.say.textContent = told(plot.view, plot.curves[plot.curve], values[plot.at].point);
	}

	function choice(kind, name, text, checked, change) {
		const label = document.createElement("label"), input = document.createElement("input");
		input.type = kind;
		input.name = name;
		input.checked = checked;
		input.addEventListener("change", () => change(input.checked));
		label.append(input, text);
		return label;
	}

	function controls(plot, figure, number) {
		const which = document.createElement("fieldset"), what = document.createElement("fieldset");
		const curves = document.createElement("legend"), axes = document.createElement("legend");
		curves.textContent = "Curves";
		which.append(curves);
		plot.curves.forEach((curve, i) => {
			const label = choice("checkbox", "curve" + number, "", true, on => {
				plot.on[i] = on;
				plot.chart.data.datasets.forEach((set, k) => {
					if (set.curve === i)
						plot.chart.setDatasetVisibility(k, on);
				});
				plot.chart.update("none");
			});
			const key = document.createElement("span");
			key.className = "key";
			label.append(key, curve.candidate);
			plot.keys.push(key);
			which.append(label);
		});
		axes.textContent = "Shown";
		what.append(axes);
		for (const name of plot.view.linear ? [] : ["rate", "time"]) {
			const usable = plot.curves.some(c => c.points.some(p => views[name].of(p)[0] > 0));
			if (usable)
				what.append(choice("radio", "view" + number, " " + views[name].title, views[name] === plot.view, () => {
					plot.view = views[name];
					draw(plot);
				}));
		}
		if (!plot.view.linear)
			figure.insertBefore(what, plot.canvas.parentNode);
		figure.insertBefore(which, plot.canvas.parentNode);
	}

	function colour() {
		Chart.defaults.color = ink("--ink");
		charts.forEach(plot => {
			plot.keys.forEach((key, i) => {
				key.style.background = hue(i);
			});
			draw(plot);
		});
	}

	function start(canvas, number, curves, view) {
		const say = document.createElement("p");
		const plot = { canvas: canvas, curves: curves, view: view, chart: null, on: curves.map(() => true),
			at: -1, curve: 0, say: say, keys: [] };
		say.className = "told";
		say.setAttribute("aria-live", "polite");
		say.textContent = "Arrow keys on the chart walk over its values." + (view.linear ? "" :
			" Bands: 95 % intervals; dashed: expected here.");
		canvas.parentNode.after(say);
		controls(plot, canvas.closest("figure"), number);
		canvas.addEventListener("keydown", event => walk(plot, event));
		charts.push(plot);
	}

	function startCurves(canvas, number) {
		const group = Number(canvas.dataset.group);
		const curves = data.series.filter(c => c.group === group && c.points.length > 0);
		const rate = curves.some(c => c.coll !== "p2p_latency" && c.points.some(p => p.busbw_Bps > 0));
		start(canvas, number, curves, rate ? views.rate : views.time);
	}

	function startTimeline(canvas, number) {
		const timeline = data.timelines[Number(canvas.dataset.time)];
		const lines = timeline.lines.map(l => ({ candidate: l.name, points: l.points }));
		start(canvas, "t" + number, lines, timeView(timeline.unit));
	}

	if (typeof Chart !== "undefined") {
		document.querySelectorAll("canvas[data-group]").forEach(startCurves);
		document.querySelectorAll("canvas[data-time]").forEach(startTimeline);
		colour();
		dark.addEventListener("change", colour);
		window.addEventListener("beforeprint", () => charts.forEach(p => p.chart.resize()));
		window.addEventListener("afterprint", () => charts.forEach(p => p.chart.resize()));
	}
	root.dataset.charts = String(charts.length);
}());
