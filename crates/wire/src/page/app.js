// The page: where it is, and the one stream of events that keeps it true.

import * as data from "./data.js";
import { $ } from "./dom.js";
import * as edit from "./edit.js";
import { fromHash, hashOf, shortName } from "./place.js";
import * as requests from "./requests.js";

const RETRY_AFTER = 1_000;
const HIDDEN_FOR = 60_000;

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", paused: "Paused" };

let place = { view: "data", database: null, path: [] };
/** The database that was shown last: where the data tab leads back to. */
let back = { database: null, path: [] };
let databases = [];
let source = null;
let coming = null;
let retry = 0;
let hidden = 0;

function say(state) {
  $("main").dataset.state = state;
  $("live").dataset.state = state;
  $("live-text").textContent = WORDS[state];
}

// ——— the stream ———

/** Follows what is shown now. The stream before goes on until the new one is there. */
function follow() {
  clearTimeout(retry);
  coming?.close();
  const params = new URLSearchParams(Object.entries(data.wanted()).filter(([, value]) => value !== ""));
  if (requests.seen() !== null) params.set("since", requests.seen());
  const stream = new EventSource(`/ui/v1/live?${params}`);
  coming = stream;
  const on = (name, take) => stream.addEventListener(name, (event) => {
    if (stream === source) take(JSON.parse(event.data), Number(event.lastEventId));
  });
  stream.addEventListener("hello", (event) => {
    if (stream !== coming) return;
    source?.close();
    [source, coming] = [stream, null];
    $("alert").hidden = true;
    requests.onHello(JSON.parse(event.data));
    say("live");
  });
  on("databases", onDatabases);
  on("collections", data.onCollections);
  on("documents", data.onDocuments);
  on("document", data.onDocument);
  on("calls", requests.onCalls);
  on("state", requests.onState);
  on("problem", ({ message }) => {
    $("alert").hidden = false;
    $("alert").textContent = `This can't be followed: ${message}`;
  });
  stream.addEventListener("error", () => {
    if (stream !== source && stream !== coming) return;
    // The browser would ask again for what was missed by then, not for what is missed now.
    pause("reconnecting");
    retry = setTimeout(follow, RETRY_AFTER);
  });
}

function pause(state) {
  clearTimeout(retry);
  for (const stream of [source, coming]) stream?.close();
  source = coming = null;
  say(state);
}

// ——— databases ———

function onDatabases({ names, more }) {
  const isFirst = databases.length === 0;
  databases = names;
  data.onDatabases(names);
  drawPicker(more);
  // Without a choice, the first database is shown as soon as there is one.
  if (isFirst && names.length > 0 && !back.database) {
    const to = hashOf(names[0]);
    if (place.view === "data") location.replace(to);
    else back = { database: names[0], path: [] };
  }
}

function drawPicker(more = 0) {
  const select = $("database");
  const shown = place.database ?? back.database;
  const names = shown && !databases.includes(shown) ? [shown, ...databases] : databases;
  select.disabled = names.length === 0;
  const options = names.map((name) => new Option(shortName(name), name));
  if (names.length === 0) options.push(new Option("none yet", ""));
  if (more > 0) options.push(Object.assign(new Option(`${more} more`, ""), { disabled: true }));
  const held = [...select.options].map((option) => option.value).join("\n");
  if (held !== options.map((option) => option.value).join("\n")) select.replaceChildren(...options);
  if (shown) select.value = shown;
}

// ——— places ———

function go() {
  place = fromHash(location.hash);
  if (place.view === "data" && !place.database && (back.database ?? databases[0])) {
    return location.replace(hashOf(back.database ?? databases[0]));
  }
  const isData = place.view === "data";
  if (isData) back = { database: place.database, path: place.path };
  $("data").hidden = !isData;
  $("requests").hidden = isData;
  for (const [tab, isCurrent] of [["tab-data", isData], ["tab-requests", !isData]]) {
    if (isCurrent) $(tab).setAttribute("aria-current", "page");
    else $(tab).removeAttribute("aria-current");
  }
  $("tab-data").href = back.database ? hashOf(back.database, back.path) : "#/";
  document.title = `${isData ? place.path.at(-1) ?? "Data" : "Requests"} · Firekeep emulator`;
  drawPicker();
  if (isData) data.go(place);
  else requests.draw();
  follow();
}

$("database").addEventListener("change", (event) => {
  location.hash = hashOf(event.target.value);
});
$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});
addEventListener("hashchange", go);
document.addEventListener("visibilitychange", () => {
  clearTimeout(hidden);
  // Nobody looks: calls need no longer be described.
  if (document.hidden) hidden = setTimeout(() => pause("paused"), HIDDEN_FOR);
  else if (!source && !coming) follow();
});

data.start(follow);
edit.start();
requests.start();
go();
