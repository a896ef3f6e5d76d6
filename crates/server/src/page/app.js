// The page: which device, its live stream, its charts, and what all that costs.

import { Chart } from "./chart.js";
import { ago, byMetric, instant } from "./format.js";
import { showLocks } from "./locks.js";

const SHOWN = 100;
const STATUS_EVERY = 5_000;
const LOCKS_EVERY = 1_000;
const LIST_EVERY = 300_000;
const RETRY_AFTER = 3_000;
const HIDDEN_FOR = 60_000;

const $ = (id) => document.getElementById(id);
const state = {
  tenant: null, device: null, devices: [], readings: new Map(), charts: new Map(),
  source: null, arrived: null, retry: 0, hidden: 0,
};

class Problem extends Error {}

async function getJson(path) {
  const response = await fetch(path, { headers: { accept: "application/json" } });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(`${body.detail ?? response.statusText}; ${body.hint ?? "try again"}`);
  return body;
}

const base = () => `/v1/tenants/${encodeURIComponent(state.tenant)}/devices`;

// ——— what is said ———

const WORDS = {
  connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", waiting: "Waiting", paused: "Paused",
  error: "Offline",
};

function say(name) {
  $("main").dataset.state = name;
  const pill = $("live");
  if (pill.dataset.state === name) return;
  pill.dataset.state = name;
  $("live-text").textContent = WORDS[name];
}

function notice(title, text, { code, retry } = {}) {
  $("notice").hidden = false;
  $("charts").hidden = true;
  $("notice-title").textContent = title;
  $("notice-text").textContent = text;
  $("notice-code").hidden = !code;
  $("notice-code").textContent = code ?? "";
  $("notice-retry").hidden = !retry;
}

function clearNotice() {
  $("notice").hidden = true;
  $("charts").hidden = false;
}

function noReadings() {
  const device = state.device ?? "room-1";
  const url = `${location.origin}${base()}/${device}/readings`;
  say("waiting");
  notice("No readings yet", "They show here the moment they arrive. Send one:", {
    code: `curl ${url} \\\n  -H 'content-type: application/json' \\\n  -d '{"at": "${new Date().toISOString().slice(0, 19)}Z",\n       "values": {"temperature": {"value": 21.5, "unit": "°C"}}}'`,
  });
}

// ——— readings ———

/** Adds readings and keeps the newest; answers whether any is new. */
function take(readings) {
  let isNew = false;
  for (const reading of readings) {
    if (!state.readings.has(reading.id)) isNew = true;
    state.readings.set(reading.id, { ...reading, time: Date.parse(reading.at) });
  }
  const order = (l, r) => l.time - r.time || (l.id < r.id ? -1 : 1);
  const newest = [...state.readings.values()].sort(order).slice(-SHOWN);
  state.readings = new Map(newest.map((reading) => [reading.id, reading]));
  return isNew;
}

function seriesOf(readings) {
  const series = new Map();
  for (const { time, values } of readings) {
    for (const [metric, { value, unit }] of Object.entries(values)) {
      if (!series.has(metric)) series.set(metric, { unit, points: [] });
      const one = series.get(metric);
      // Numbers in different units share no axis: the latest unit wins.
      if (one.unit !== unit) Object.assign(one, { unit, points: [] });
      one.points.push({ time, value });
    }
  }
  return series;
}

function draw(isNew) {
  const readings = [...state.readings.values()];
  $("main").dataset.count = String(readings.length);
  $("main").dataset.lastAt = readings.at(-1)?.at ?? "";
  if (readings.length === 0) return noReadings();
  clearNotice();
  const span = [readings[0].time, readings.at(-1).time];
  const series = seriesOf(readings);
  arrange([...series.keys()].sort(byMetric));
  for (const [metric, { unit, points }] of series) state.charts.get(metric).update(points, unit, span, isNew);
  subtitle();
}

/** One chart per metric, in order; a card that stays is not touched. */
function arrange(metrics) {
  for (const [metric, chart] of state.charts) {
    if (!metrics.includes(metric)) {
      chart.destroy();
      state.charts.delete(metric);
    }
  }
  $("charts").querySelectorAll(".ghost").forEach((ghost) => ghost.remove());
  metrics.forEach((metric, index) => {
    if (!state.charts.has(metric)) state.charts.set(metric, new Chart(metric, cursor));
    const { card } = state.charts.get(metric);
    if ($("charts").children[index] !== card) $("charts").insertBefore(card, $("charts").children[index] ?? null);
  });
}

function cursor(time) {
  for (const chart of state.charts.values()) chart.setCursor(time);
  $("cursor").textContent = time === null ? "\u00a0" : instant(time);
}

function subtitle() {
  const count = state.readings.size;
  const last = [...state.readings.values()].at(-1);
  if (!last) return;
  const heard = state.arrived ? ` · arrived ${ago(Date.now() - state.arrived)}` : "";
  $("subtitle").textContent = `Last ${count === 1 ? "reading" : `${count} readings`}, to ${instant(last.time)}${heard}`;
}

// ——— the stream ———

function follow() {
  unfollow();
  if (!state.device) return;
  const source = new EventSource(`${base()}/${encodeURIComponent(state.device)}/live?last=${SHOWN}`);
  state.source = source;
  const readings = (event) => JSON.parse(event.data).readings;
  source.addEventListener("snapshot", (event) => {
    state.readings.clear();
    take(readings(event));
    draw(false);
    // The footer was filled before this page counted as a viewer.
    poll();
  });
  source.addEventListener("readings", (event) => {
    const isNew = take(readings(event));
    if (isNew) state.arrived = Date.now();
    draw(isNew);
  });
  source.addEventListener("status", (event) => {
    const live = JSON.parse(event.data).state;
    say(live === "live" && state.readings.size === 0 ? "waiting" : live);
  });
  source.addEventListener("open", () => {
    if (state.readings.size > 0) say("live");
  });
  source.addEventListener("error", () => {
    say(state.readings.size > 0 ? "reconnecting" : "connecting");
    // The browser gives up on an answer that is no stream; this page does not.
    if (source.readyState === EventSource.CLOSED) state.retry = setTimeout(explainThenFollow, RETRY_AFTER);
  });
}

function unfollow() {
  clearTimeout(state.retry);
  state.source?.close();
  state.source = null;
}

/** An event source tells no reason; the same question asked plainly does. */
async function explainThenFollow() {
  try {
    await getJson("/v1/status");
    if (state.readings.size === 0) await getJson(`${base()}/${encodeURIComponent(state.device)}/readings?last=1`);
    follow();
  } catch (error) {
    if (error instanceof Problem && state.readings.size === 0) return failed(error);
    state.retry = setTimeout(explainThenFollow, RETRY_AFTER);
  }
}

function failed(error) {
  say("error");
  notice("This can't be shown", error.message, { retry: true });
}

// ——— devices ———

function show(device, { push } = {}) {
  state.device = device;
  state.readings.clear();
  state.arrived = null;
  for (const chart of state.charts.values()) chart.destroy();
  state.charts.clear();
  cursor(null);
  say("connecting");
  clearNotice();
  ghosts();
  $("title").textContent = device ?? "No device yet";
  $("subtitle").textContent = "\u00a0";
  $("main").dataset.count = "0";
  document.title = device ? `${device} · Firekeep` : "Firekeep";
  options();
  if (push) history.pushState(null, "", `/devices/${encodeURIComponent(state.tenant)}/${encodeURIComponent(device)}`);
  follow();
}

/** Cards of the final size until the readings are there, so that nothing jumps. */
function ghosts() {
  const ghost = () => Object.assign(document.createElement("div"), { className: "card ghost" });
  $("charts").replaceChildren(...Array.from({ length: 6 }, ghost));
}

function options() {
  const ids = state.devices.map((device) => device.id);
  if (state.device && !ids.includes(state.device)) ids.unshift(state.device);
  const select = $("device");
  const held = [...select.options].map((option) => option.value);
  if (held.join("\n") !== ids.join("\n") || select.disabled) {
    select.disabled = ids.length === 0;
    select.replaceChildren(...(select.disabled ? [new Option("no device")] : ids.map((id) => new Option(id, id))));
  }
  if (state.device) select.value = state.device;
}

async function list() {
  state.devices = (await getJson(base())).devices;
  options();
}

function fromAddress() {
  const [, place, tenant, device] = location.pathname.split("/");
  return place === "devices" ? { tenant: decodeURIComponent(tenant), device: decodeURIComponent(device) } : {};
}

async function start() {
  try {
    const status = await getJson("/v1/status");
    bill(status);
    const asked = fromAddress();
    state.tenant = asked.tenant ?? status.tenant;
    $("tenant").textContent = state.tenant;
    if (asked.device) show(asked.device);
    await list();
    if (!asked.device) await first();
  } catch (error) {
    failed(error instanceof Problem ? error : new Problem("The service does not answer; is it running?"));
  }
}

/** Shows the device heard from last; without any, looks again now and then. */
async function first() {
  const freshest = state.devices.reduce((l, r) => (l && l.received_at >= r.received_at ? l : r), null);
  if (freshest) return show(freshest.id);
  $("title").textContent = "No device yet";
  $("charts").replaceChildren();
  noReadings();
  state.retry = setTimeout(() => list().then(first, failed), RETRY_AFTER);
}

// ——— what it costs ———

function bill(status) {
  $("store").textContent = `${status.backend} · ${status.database}`;
  for (const name of ["reads", "writes", "rpcs"]) $(name).textContent = status.last_minute[name].toLocaleString("en");
  $("viewers").textContent = `${status.viewers} on ${status.feeds} ${status.feeds === 1 ? "device" : "devices"}`;
}

async function poll() {
  if (document.hidden) return;
  await getJson("/v1/status").then(bill, () => {});
}

// ——— locks ———

let isAsking = false;

/** The service follows the locks while it is asked, which costs reads: only for who looks at them. */
async function locks() {
  if (document.hidden || isAsking || !$("locks").open) return;
  isAsking = true;
  await getJson("/v1/locks").then(showLocks, () => showLocks(null));
  isAsking = false;
}

// ——— people ———

$("device").addEventListener("change", (event) => show(event.target.value, { push: true }));
$("locks").addEventListener("toggle", locks);
$("notice-retry").addEventListener("click", () => location.reload());
addEventListener("popstate", () => location.reload());
document.addEventListener("visibilitychange", () => {
  clearTimeout(state.hidden);
  // Nobody looks: stop following after a while, so that it stops costing.
  if (document.hidden) state.hidden = setTimeout(() => { unfollow(); say("paused"); }, HIDDEN_FOR);
  else if (state.device && !state.source) follow();
});
setInterval(poll, STATUS_EVERY);
setInterval(locks, LOCKS_EVERY);
setInterval(subtitle, 1_000);
setInterval(() => { if (!document.hidden && state.tenant) list().catch(() => {}); }, LIST_EVERY);
ghosts();
start();
