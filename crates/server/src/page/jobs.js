// The page of jobs: which job, its live stream, its board.

import { Board } from "./board.js";

const LIST_EVERY = 10_000;
const RETRY_AFTER = 3_000;
const HIDDEN_FOR = 60_000;

const $ = (id) => document.getElementById(id);
const page = { job: null, jobs: [], board: new Board(), source: null, frame: 0, retry: 0, hidden: 0 };

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", waiting: "Waiting", paused: "Paused", gone: "Deleted" };

function say(name) {
  $("main").dataset.state = name;
  $("live").dataset.state = name;
  $("live-text").textContent = WORDS[name];
}

function notice(title, text, code) {
  $("notice").hidden = false;
  $("board").hidden = true;
  $("notice-title").textContent = title;
  $("notice-text").textContent = text;
  $("notice-code").hidden = !code;
  $("notice-code").textContent = code ?? "";
}

// ——— the stream ———

/** Draws once per frame, however much has come. */
function soon() {
  if (page.frame) return;
  page.frame = requestAnimationFrame(() => {
    page.frame = 0;
    page.board.draw();
  });
}

function follow() {
  unfollow();
  if (page.job === null) return;
  const source = new EventSource(`/v1/jobs/${encodeURIComponent(page.job)}/events`);
  page.source = source;
  const on = (name, take) => source.addEventListener(name, (event) => take(JSON.parse(event.data)));
  on("reset", () => { page.board = new Board(); });
  on("job", (about) => page.board.about(about));
  on("replay", (state) => page.board.set(state));
  on("replay-done", () => { $("notice").hidden = true; say("live"); soon(); });
  on("state", (state) => { page.board.set(state); soon(); });
  on("deleted", (gone) => {
    if (gone.taskID !== undefined) { page.board.remove(gone); return soon(); }
    unfollow();
    say("gone");
    list();
  });
  source.addEventListener("error", () => {
    say("reconnecting");
    // The browser gives up on an answer that is no stream; this page does not.
    if (source.readyState === EventSource.CLOSED) page.retry = setTimeout(explainThenFollow, RETRY_AFTER);
  });
}

function unfollow() {
  clearTimeout(page.retry);
  page.source?.close();
  page.source = null;
}

/** An event source tells no reason; the same question asked plainly does. */
async function explainThenFollow() {
  const response = await fetch(`/v1/jobs/${encodeURIComponent(page.job)}`).catch(() => null);
  if (response?.status !== 404) return follow();
  say("gone");
  notice("There is no such job", "It was deleted, or never was. Choose another.");
}

// ——— jobs ———

function show(job, { push } = {}) {
  page.job = job;
  page.board = new Board();
  say("connecting");
  $("title").textContent = job;
  document.title = `${job} · Firekeep`;
  options();
  if (push) history.pushState(null, "", `/jobs/${encodeURIComponent(job)}`);
  follow();
}

function options() {
  const ids = page.jobs.map((job) => job.jobID);
  if (page.job !== null && !ids.includes(page.job)) ids.unshift(page.job);
  const select = $("job");
  const held = [...select.options].map((option) => option.value);
  if (held.join("\n") !== ids.join("\n") || select.disabled) {
    select.disabled = ids.length === 0;
    select.replaceChildren(...(select.disabled ? [new Option("no job")] : ids.map((id) => new Option(id, id))));
  }
  if (page.job !== null) select.value = page.job;
}

async function list() {
  const response = await fetch("/v1/jobs").catch(() => null);
  if (!response?.ok) return page.job === null && say("reconnecting");
  page.jobs = (await response.json()).jobs;
  options();
  if (page.job === null) first();
}

/** Shows the job that was worked on last; without any, says how to make one. */
function first() {
  const latest = page.jobs.reduce((l, r) => (l && l.created >= r.created ? l : r), null);
  if (latest) return show(latest.jobID);
  say("waiting");
  $("title").textContent = "No job yet";
  notice("No jobs yet", "They show here as soon as there is one. Run one:", "firekeep jobs run --job nightly --tasks 20 -- ./rollup.sh {task}");
}

// ——— people ———

$("job").addEventListener("change", (event) => show(event.target.value, { push: true }));
addEventListener("popstate", () => location.reload());
document.addEventListener("visibilitychange", () => {
  clearTimeout(page.hidden);
  // Nobody looks: stop following after a while, so that it stops costing.
  if (document.hidden) page.hidden = setTimeout(() => { unfollow(); say("paused"); }, HIDDEN_FOR);
  else if (page.job !== null && !page.source && $("main").dataset.state === "paused") follow();
});
setInterval(() => { if (!document.hidden) list(); }, LIST_EVERY);

const [, , asked] = location.pathname.split("/");
if (asked) show(decodeURIComponent(asked));
list();
