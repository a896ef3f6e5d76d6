// Calls as they happen, what they add up to, and what is open.

import { $, el, keyed, many } from "./dom.js";
import { shortName } from "./place.js";

/** How many calls the page keeps, and how many of them it draws. */
const KEPT = 1_000;
const DRAWN = 200;
/** Over how long the rate is measured, in milliseconds. */
const WINDOW = 5_000;

const log = { entries: [], last: null, lost: 0, isPaused: false, waiting: [] };
let samples = [];
let drawing = 0;

/** The number of the last call that is known; `null` before the first stream. */
export const seen = () => log.last;

export function start() {
  for (const id of ["by-method", "by-status", "by-text"]) $(id).addEventListener("input", draw);
  $("pause").addEventListener("click", () => {
    log.isPaused = !log.isPaused;
    if (!log.isPaused) take(log.waiting.splice(0));
    $("pause").setAttribute("aria-pressed", String(log.isPaused));
    $("pause").textContent = log.isPaused ? "Go on" : "Pause";
    draw();
  });
  $("empty").addEventListener("click", () => {
    Object.assign(log, { entries: [], waiting: [], lost: 0 });
    draw();
  });
  setInterval(drawRates, 1_000);
}

/** The stream tells calls after number `from` of `last`: of another server, if more were seen already. */
export function onHello({ from, last }) {
  const isOther = log.last !== null && last < log.last;
  if (isOther) samples = [];
  if (isOther || log.last === null) log.last = from;
}

/** Calls up to number `last`; some may have come by another stream already. */
export function onCalls({ entries, lost }, last) {
  const isNew = entries.filter((entry, index) => {
    entry.number = last - (entries.length - 1 - index);
    return entry.number > log.last;
  });
  log.last = Math.max(log.last, last);
  log.lost += lost;
  if (log.isPaused) log.waiting = [...log.waiting, ...isNew].slice(-KEPT);
  else take(isNew);
  $("main").dataset.calls = String(log.entries.length);
  schedule();
}

function take(entries) {
  log.entries = [...log.entries, ...entries].slice(-KEPT);
}

function schedule() {
  if (drawing === 0) {
    drawing = setTimeout(() => {
      drawing = 0;
      draw();
    }, 100);
  }
}

function options(select, fixed, names) {
  const wanted = [...fixed, ...names];
  const held = [...select.options].map((option) => option.value);
  if (held.length === wanted.length) return;
  const chosen = select.value;
  while (select.options.length > fixed.length) select.remove(fixed.length);
  for (const name of names) select.add(new Option(name, name));
  select.value = chosen;
}

export function draw() {
  if ($("requests").hidden) return;
  options($("by-method"), [""], [...new Set(log.entries.map((entry) => entry.method))].sort());
  options($("by-status"), ["", "!"], [...new Set(log.entries.map((entry) => entry.status))].sort());
  const [method, status, text] = [$("by-method").value, $("by-status").value, $("by-text").value.toLowerCase()];
  const matches = (entry) =>
    (method === "" || entry.method === method)
    && (status === "" || entry.status === status || (status === "!" && isError(entry.status)))
    && (text === "" || `${entry.detail} ${entry.database}`.toLowerCase().includes(text));
  const shown = log.entries.filter(matches).reverse();
  keyed($("log"), shown.slice(0, DRAWN), (entry) => String(entry.number), row);
  const notes = [];
  if (log.isPaused) notes.push(`Paused; ${many(log.waiting.length, "call")} came since.`);
  if (log.lost > 0) notes.push(`${many(log.lost, "call")} came faster than the page could be told, and ${log.lost === 1 ? "is" : "are"} only in the totals.`);
  if (shown.length > DRAWN) notes.push(`The newest ${DRAWN} of ${shown.length.toLocaleString("en")} are shown.`);
  if (log.entries.length === 0) notes.push("Calls are listed from when this page was opened; the totals count from the start.");
  else if (shown.length === 0) notes.push("No call matches.");
  $("log-note").textContent = notes.join(" ");
  $("log-note").hidden = notes.length === 0;
}

const isError = (status) => status !== "OK" && status !== "open";

function row(entry) {
  const billed = bill(entry);
  const kind = entry.status === "open" ? "open" : isError(entry.status) ? "error" : "ok";
  return el("tr", { "data-kind": kind },
    el("td", { class: "time", title: entry.at }, entry.at.slice(11, 23)),
    el("th", { scope: "row" }, entry.method, " ", el("small", { class: "quiet", dir: "auto" }, entry.database ? shortName(entry.database) : "")),
    el("td", { class: "what" },
      entry.faults.map((fault) => el("b", { class: "fault", title: "a fault that was asked for" }, fault)),
      detail(entry.detail)),
    el("td", { class: "status" }, entry.status),
    el("td", { class: "n" }, entry.status === "open" ? "" : took(entry.micros)),
    el("td", { class: "n" }, billed));
}

/** What a call was about; what takes more than two lines unfolds. */
function detail(text) {
  if (text.length < 60) return el("span", { class: "detail", dir: "auto" }, text || "—");
  return el("button", {
    class: "detail plain", type: "button", dir: "auto", title: text, "aria-expanded": "false",
    onclick({ currentTarget: node }) {
      node.setAttribute("aria-expanded", String(node.getAttribute("aria-expanded") === "false"));
    },
  }, text);
}

export function bill({ reads, writes, deletes }) {
  const parts = [[reads, "r", "reads"], [writes, "w", "writes"], [deletes, "d", "deletes"]].filter(([count]) => count > 0);
  return parts.map(([count, letter, name]) => el("span", { class: "bill", title: `${count} billed ${name}` }, `${count.toLocaleString("en")} ${letter}`));
}

function took(micros) {
  if (micros < 1_000) return `${micros} µs`;
  if (micros < 100_000) return `${(micros / 1_000).toFixed(1)} ms`;
  if (micros < 1_000_000) return `${Math.round(micros / 1_000)} ms`;
  return micros < 120_000_000 ? `${(micros / 1_000_000).toFixed(1)} s` : `${Math.round(micros / 60_000_000)} min`;
}

// ——— totals, and what is open ———

const NOTHING = { calls: 0, errors: 0, reads: 0, writes: 0, deletes: 0 };
let total = { ...NOTHING };

export function onState(state) {
  total = { ...NOTHING };
  for (const { total: of } of state.totals) for (const name of Object.keys(total)) total[name] += of[name];
  if (samples.length > 0 && samples.at(-1).calls > total.calls) samples = [];
  samples.push({ at: performance.now(), ...total });
  total.streams = state.streamCount;
  total.transactions = state.transactionCount;
  drawTotals(state.totals);
  drawStreams(state);
  drawTransactions(state);
  drawRates();
}

/** What was counted per second, over the last few seconds. */
function rates() {
  const now = performance.now();
  const since = now - WINDOW;
  // The last sample before the window says where the window begins.
  while (samples.length > 1 && samples[1].at < since) samples.shift();
  const [first] = samples;
  if (!first) return null;
  const seconds = Math.max(1, (now - Math.max(first.at, since)) / 1_000);
  return Object.fromEntries(Object.keys(NOTHING).map((name) => [name, (total[name] - first[name]) / seconds]));
}

const perSecond = (rate) => (rate === 0 ? "0" : rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString("en"));

function drawRates() {
  const now = rates();
  $("rate").hidden = !now || now.calls === 0;
  $("rate").textContent = now ? `${perSecond(now.calls)}/s` : "";
  if ($("requests").hidden) return;
  const tiles = [
    ["calls", "Calls"], ["errors", "Errors"], ["reads", "Billed reads"], ["writes", "Billed writes"], ["deletes", "Billed deletes"],
    ["streams", "Open streams"], ["transactions", "Open transactions"],
  ];
  keyed($("tiles"), tiles, ([name]) => name,
    ([, title]) => el("div", {}, el("dt", {}, title), el("dd", {}), el("small", { class: "quiet" })),
    (node, [name]) => {
      node.children[1].textContent = (total[name] ?? 0).toLocaleString("en");
      node.children[2].textContent = name in NOTHING ? `${perSecond(now?.[name] ?? 0)} per second` : "now";
      node.classList.toggle("bad", name === "errors" && total.errors > 0);
    });
}

function drawTotals(totals) {
  const columns = ["calls", "errors", "reads", "writes", "deletes"];
  keyed($("totals"), totals, ({ method }) => method,
    ({ method }) => el("tr", {}, el("th", { scope: "row" }, method), columns.map(() => el("td", { class: "n" }))),
    (node, { total: of }) => columns.forEach((name, index) => {
      node.children[index + 1].textContent = of[name] === 0 ? "–" : of[name].toLocaleString("en");
      node.children[index + 1].classList.toggle("bad", name === "errors" && of[name] > 0);
    }));
  $("totals-none").hidden = totals.length > 0;
}

function drawStreams({ streams, streamCount }) {
  $("stream-count").textContent = String(streamCount);
  $("streams-none").hidden = streamCount > 0;
  keyed($("streams"), streams, ({ id }) => String(id), () => el("li"), (node, stream) => {
    const targets = stream.method === "Listen" ? `${many(stream.targetCount, "target")} · ` : "";
    const hidden = stream.targetCount - stream.targets.length;
    node.replaceChildren(
      el("p", {}, el("b", {}, stream.method), ` ${stream.database ? shortName(stream.database) : ""} `, bill({ deletes: 0, ...stream })),
      el("p", { class: "quiet" }, `${targets}${many(stream.messages, "message")} sent · since ${clock(stream.at)}`),
      ...stream.targets.map((target) => el("p", { class: "target", dir: "auto" }, target)),
      ...(hidden > 0 ? [el("p", { class: "quiet" }, `and ${hidden} more`)] : []));
  });
}

function drawTransactions({ transactions, transactionCount }) {
  $("transaction-count").textContent = String(transactionCount);
  $("transactions-none").hidden = transactionCount > 0;
  keyed($("transactions"), transactions.map((txn, index) => ({ ...txn, index })), ({ index }) => String(index), () => el("li"), (node, txn) => {
    node.replaceChildren(
      el("p", {}, el("b", {}, txn.readOnly ? "read-only" : "read-write"), ` ${shortName(txn.database)}`),
      el("p", { class: "quiet" }, `since ${clock(txn.at)} · ${many(txn.reads, "further read")}`));
  });
}

const clock = (at) => at.slice(11, 19);
