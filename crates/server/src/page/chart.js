// One metric over time: a value tile above an SVG plot with axes, and a cursor.

import { axis, colour, instant, measured, metricName, number, tick } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { top: 8, right: 14, bottom: 22, left: 30 };
const LETTER = 6.4;
const STEPS = [
  1e3, 5e3, 15e3, 30e3, 60e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 10800e3, 21600e3,
  43200e3, 86400e3, 172800e3, 604800e3, 2592000e3, 31536000e3,
];

function element(name, attributes = {}, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

function html(name, className, parent) {
  const made = document.createElement(name);
  if (className) made.className = className;
  parent?.append(made);
  return made;
}

/** Some four round numbers that span `low` to `high`. */
function niceTicks(low, high, count = 4) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const first = Math.floor(low / step) * step;
  const ticks = [];
  for (let at = first; at < high + step * 0.999; at += step) ticks.push(+at.toPrecision(12));
  return ticks;
}

function timeTicks(from, to, width) {
  const wanted = Math.max(2, Math.floor(width / 68));
  const step = STEPS.find((s) => (to - from) / s <= wanted) ?? STEPS.at(-1);
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return { step, ticks };
}

/** Where a line pauses: an interval more than five times the usual. */
function gapLength(points) {
  const gaps = points.slice(1).map((p, i) => p.time - points[i].time).sort((a, b) => a - b);
  return (gaps[gaps.length >> 1] ?? 0) * 5;
}

export class Chart {
  /** `onCursor(time | null)` hears where the reader points. */
  constructor(metric, onCursor) {
    this.metric = metric;
    this.onCursor = onCursor;
    this.points = [];
    this.unit = "";
    this.cursor = null;
    this.build();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.plot);
  }

  build() {
    this.card = html("article", `card ${colour(this.metric)}`);
    this.card.dataset.metric = this.metric;
    const header = html("header", "", this.card);
    this.heading = html("h2", "", header);
    this.heading.textContent = metricName(this.metric);
    this.range = html("span", "range", header);
    this.value = html("p", "value", this.card);
    this.text = document.createTextNode("–");
    this.value.append(this.text);
    this.unitText = html("small", "", this.value);
    this.plot = html("div", "plot", this.card);
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "img");
    this.svg = element("svg", { "aria-hidden": "true" });
    this.plot.append(this.svg);
    this.plot.addEventListener("pointermove", (event) => this.pointAt(event.offsetX));
    this.plot.addEventListener("pointerdown", (event) => this.pointAt(event.offsetX));
    this.plot.addEventListener("pointerleave", () => this.onCursor(null));
    this.plot.addEventListener("blur", () => this.onCursor(null));
    this.plot.addEventListener("keydown", (event) => this.key(event));
  }

  destroy() {
    this.observer.disconnect();
    this.card.remove();
  }

  /** `points`: `{time, value}`, oldest first, never empty. */
  update(points, unit, span, isNew) {
    this.points = points;
    this.unit = unit;
    this.span = span;
    this.isNew = isNew;
    this.draw();
    this.showValue();
    if (isNew) this.flash(this.value);
  }

  flash(node) {
    node.classList.remove("new");
    void node.getBoundingClientRect();
    node.classList.add("new");
  }

  setCursor(time) {
    this.cursor = time;
    this.drawCursor();
    this.showValue();
  }

  /** The point nearest to the cursor, or the last one. */
  shown() {
    if (this.cursor === null) return this.points.at(-1);
    const distance = (point) => Math.abs(point.time - this.cursor);
    return this.points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
  }

  showValue() {
    const last = this.points.at(-1);
    if (!last) return;
    const [text, unit] = measured(this.metric, this.shown().value, this.unit);
    this.text.data = text;
    this.unitText.textContent = unit;
    this.card.dataset.value = String(last.value);
    this.card.dataset.count = String(this.points.length);
    this.range.textContent = this.isState() ? this.share() : `${number(this.low)} – ${number(this.high)}`;
    const [now, of] = measured(this.metric, last.value, this.unit);
    const label = `${metricName(this.metric)}: ${now} ${of} at ${instant(last.time)}; lowest ${number(this.low)}, highest ${number(this.high)} of ${this.points.length} readings. Arrow keys move through them.`;
    this.plot.setAttribute("aria-label", label);
  }

  isState() {
    return this.unit === "1" && this.points.every(({ value }) => value === 0 || value === 1);
  }

  share() {
    const on = this.points.filter(({ value }) => value === 1).length;
    return `${this.metric === "occupancy" ? "occupied" : "on"} ${Math.round((on / this.points.length) * 100)} %`;
  }

  draw() {
    const { width, height } = this.plot.getBoundingClientRect();
    if (width < 40 || height < 40 || this.points.length === 0) return;
    const values = this.points.map((point) => point.value);
    [this.low, this.high] = [Math.min(...values), Math.max(...values)];
    const ticks = this.isState() ? [0, 1] : this.valueTicks();
    const [from, to] = this.span;
    this.decimals = ticks.reduce((most, value) => Math.max(most, (String(value).split(".")[1] ?? "").length), 0);
    const letters = Math.max(...ticks.map((value) => this.label(value).length));
    const left = Math.max(MARGIN.left, Math.ceil(letters * LETTER) + 10);
    const inner = width - left - MARGIN.right;
    this.size = { width, height, left };
    this.x = (time) => left + (to === from ? inner : ((time - from) / (to - from)) * inner);
    const bottom = height - MARGIN.bottom;
    const [first, last] = [ticks[0], ticks.at(-1)];
    this.y = (value) => bottom - ((value - first) / (last - first)) * (bottom - MARGIN.top);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    this.drawAxes(ticks, inner, bottom);
    this.drawLine(bottom);
    this.pointer = element("g", {}, this.svg);
    this.drawCursor();
  }

  valueTicks() {
    // A quiet signal must not look wild: the axis spans at least 2 % of the value.
    const middle = (this.low + this.high) / 2;
    const least = Math.abs(middle) * 0.02 || 1;
    const reach = Math.max(this.high - this.low, least) / 2;
    const low = middle - reach;
    return niceTicks(this.low >= 0 ? Math.max(0, low) : low, middle + reach);
  }

  label(value) {
    return this.isState() && this.metric === "occupancy" ? ["no", "yes"][value] : axis(value, this.decimals);
  }

  drawAxes(ticks, inner, bottom) {
    const { left } = this.size;
    for (const value of ticks) {
      const y = Math.round(this.y(value)) + 0.5;
      element("line", { class: "grid", x1: left, x2: left + inner, y1: y, y2: y }, this.svg);
      const label = element("text", { x: left - 8, y: y + 3.5, "text-anchor": "end" }, this.svg);
      label.textContent = this.label(value);
    }
    const { step, ticks: times } = timeTicks(...this.span, inner);
    for (const time of times) {
      const x = this.x(time);
      if (x > left + inner - 8 || x < left + 12) continue;
      const label = element("text", { x, y: bottom + 17, "text-anchor": "middle" }, this.svg);
      label.textContent = tick(time, step);
    }
  }

  drawLine(bottom) {
    const gap = gapLength(this.points);
    const isState = this.isState();
    let line = "";
    let area = "";
    let start = 0;
    this.points.forEach((point, index) => {
      const [x, y] = [this.x(point.time).toFixed(1), this.y(point.value).toFixed(1)];
      const before = this.points[index - 1];
      const isFirst = !before || (gap > 0 && point.time - before.time > gap);
      if (isFirst) {
        if (before) area += `L${this.x(before.time).toFixed(1)} ${bottom}Z`;
        start = x;
        line += `M${x} ${y}`;
        area += `M${start} ${bottom}L${x} ${y}`;
        return;
      }
      const path = isState ? `H${x}V${y}` : `L${x} ${y}`;
      line += path;
      area += path;
    });
    const last = this.points.at(-1);
    area += `L${this.x(last.time).toFixed(1)} ${bottom}Z`;
    element("path", { class: "area", d: area }, this.svg);
    element("path", { class: "line", d: line }, this.svg);
    const head = { cx: this.x(last.time), cy: this.y(last.value) };
    const halo = element("circle", { class: "halo", r: 6, ...head }, this.svg);
    element("circle", { class: "head", r: 4, ...head }, this.svg);
    if (this.isNew) halo.classList.add("new");
    this.isNew = false;
  }

  drawCursor() {
    if (!this.pointer) return;
    this.pointer.replaceChildren();
    if (this.cursor === null) return;
    const point = this.shown();
    const x = this.x(point.time);
    element("line", { class: "cross", x1: x, x2: x, y1: MARGIN.top, y2: this.size.height - MARGIN.bottom }, this.pointer);
    element("circle", { class: "mark", r: 4.5, cx: x, cy: this.y(point.value) }, this.pointer);
  }

  pointAt(x) {
    if (!this.x) return;
    const near = (point) => Math.abs(this.x(point.time) - x);
    const best = this.points.reduce((l, r) => (near(r) < near(l) ? r : l));
    this.onCursor(best.time);
  }

  key(event) {
    const index = this.points.indexOf(this.shown());
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: this.points.length - 1, PageUp: index - 10, PageDown: index + 10 }[event.key];
    if (event.key === "Escape") this.onCursor(null);
    if (to === undefined) return;
    event.preventDefault();
    this.onCursor(this.points[Math.min(Math.max(to, 0), this.points.length - 1)].time);
  }
}
