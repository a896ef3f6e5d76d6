// What the states of a job come to, and its picture: tasks × tags.

const FINISHED = 2147483647;
/** The most tasks that the grid shows; those that are furthest behind come first then. */
const SHOWN = 200;

const $ = (id) => document.getElementById(id);

export class Board {
  constructor() {
    this.cells = new Map();
    this.tasks = 0;
    this.declared = [];
  }

  /** What does not change; another incarnation starts empty. */
  about({ numTasks, tags, created }) {
    if (this.created !== created) this.cells.clear();
    Object.assign(this, { tasks: numTasks, declared: tags, created });
  }

  set(state) {
    this.cells.set(key(state.taskID, state.tag), state);
  }

  remove({ taskID, tag }) {
    this.cells.delete(key(taskID, tag));
  }

  tags() {
    const tags = new Set(this.declared);
    for (const { tag } of this.cells.values()) tags.add(tag);
    return [...tags].sort();
  }

  draw() {
    const tags = this.tags();
    const counts = this.counts(tags);
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const finished = counts.get(FINISHED) ?? 0;
    Object.assign($("main").dataset, { finished: String(finished), total: String(total) });
    $("board").hidden = false;
    $("percent").textContent = total ? `${Math.floor((finished * 100) / total)} %` : "\u00a0";
    $("subtitle").textContent = `${number(this.tasks)} ${this.tasks === 1 ? "task" : "tasks"} × ${tags.length} ${tags.length === 1 ? "tag" : "tags"}`;
    const statuses = [...counts.keys()].sort((l, r) => r - l);
    $("share").replaceChildren(...statuses.map((status) => share(status, counts.get(status), total)));
    $("counts").replaceChildren(...statuses.map((status) => item(status, counts.get(status))));
    this.blame(tags);
    this.grid(tags);
  }

  /** How many cells have each status; what was never reported is not started. */
  counts(tags) {
    const counts = new Map();
    for (const { status } of this.cells.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
    const missing = Math.max(tags.length, 1) * this.tasks - this.cells.size;
    if (missing > 0) counts.set(0, (counts.get(0) ?? 0) + missing);
    return counts;
  }

  /** Whose status is the lowest: the lowest task, and in it the lowest tag, of several. */
  blame(tags) {
    let lowest = null;
    for (let task = 0; task < this.tasks; task += 1) {
      for (const tag of tags) {
        const state = this.cells.get(key(task, tag));
        const status = state?.status ?? 0;
        if (lowest === null || status < lowest.status) lowest = { task, tag, status, message: state?.message ?? "" };
      }
    }
    const isOver = lowest === null || lowest.status === FINISHED;
    $("culprit").hidden = lowest === null;
    $("culprit").dataset.kind = isOver ? "finished" : kind(lowest.status);
    $("culprit").textContent = isOver
      ? "Everything is finished."
      : `Lowest is task ${lowest.task} in ${lowest.tag}: ${words(lowest.status)}${lowest.message ? `, ${lowest.message}` : ""}`;
  }

  grid(tags) {
    const tasks = this.shown(tags);
    const head = document.createElement("tr");
    head.append(cell("th", "Task"), ...tags.map((tag) => cell("th", tag || "(no name)")));
    for (const th of head.children) th.scope = "col";
    $("head").replaceChildren(head);
    $("rows").replaceChildren(...tasks.map((task) => this.row(task, tags)));
    $("more").hidden = tasks.length === this.tasks;
    $("more").textContent = `The ${number(tasks.length)} tasks that are furthest behind, of ${number(this.tasks)}.`;
  }

  shown(tags) {
    const all = Array.from({ length: this.tasks }, (_, task) => task);
    if (this.tasks <= SHOWN) return all;
    const lowest = (task) => Math.min(...tags.map((tag) => this.cells.get(key(task, tag))?.status ?? 0));
    const ranked = all.map((task) => [lowest(task), task]).sort((l, r) => l[0] - r[0] || l[1] - r[1]);
    return ranked.slice(0, SHOWN).map(([, task]) => task);
  }

  row(task, tags) {
    const row = document.createElement("tr");
    row.dataset.task = String(task);
    const head = cell("th", String(task));
    head.scope = "row";
    row.append(head, ...tags.map((tag) => square(this.cells.get(key(task, tag)))));
    return row;
  }
}

function square(state) {
  const status = state?.status ?? 0;
  const square = cell("td", "");
  square.dataset.kind = kind(status);
  const label = cell("span", words(status));
  label.className = "status";
  square.append(label);
  if (!state) return square;
  const { progress, message, attempt } = state;
  if (progress && progress.total > 0 && kind(status) === "running") {
    const bar = document.createElement("progress");
    Object.assign(bar, { max: progress.total, value: Math.min(progress.done, progress.total) });
    bar.setAttribute("aria-label", `${progress.done} of ${progress.total}`);
    square.append(bar);
  }
  if (message) square.append(Object.assign(cell("span", message), { className: "message" }));
  if (attempt > 1) square.append(Object.assign(cell("span", `attempt ${attempt}`), { className: "attempt" }));
  square.title = `version ${state.version}, attempt ${attempt}, ${state.timestamp}`;
  return square;
}

function share(status, count, total) {
  const part = document.createElement("span");
  part.dataset.kind = kind(status);
  part.style.flexGrow = String(count / Math.max(total, 1));
  return part;
}

function item(status, count) {
  const item = cell("li", `${number(count)} ${words(status)}`);
  item.dataset.kind = kind(status);
  return item;
}

export function words(status) {
  if (status === FINISHED) return "finished";
  if (status === 0) return "not started";
  return status < 0 ? `error ${status}` : `step ${status}`;
}

function kind(status) {
  if (status === FINISHED) return "finished";
  if (status === 0) return "waiting";
  return status < 0 ? "failed" : "running";
}

const number = (count) => count.toLocaleString("en");
const key = (task, tag) => `${task}:${tag}`;
const cell = (name, text) => Object.assign(document.createElement(name), { textContent: text });
