// Collections, documents, and the fields of one, as the stream of events tells them.

import { $, bytes, el, flash, keepingFocus, keyed } from "./dom.js";
import * as edit from "./edit.js";
import { hashOf, opened, shortName } from "./place.js";
import { drawFields } from "./value.js";

const told = { collections: new Map(), documents: null, document: null };
/** What is unfolded, by key; forgotten when another document is opened. */
let unfolded = new Set();
let place = { database: null, path: [] };
let after = "";
let databases = [];
let reopen = () => {};

export const isShown = (name) => databases.includes(name);

/** What the stream of events is to tell. */
export function wanted() {
  const { collection, document } = opened(place.path);
  return { database: place.database ?? "", collection, document, after };
}

export function start(follow) {
  reopen = follow;
  $("add-collection").addEventListener("click", () => edit.addDocument(place.database, null, opened(place.path).above));
  $("add-document").addEventListener("click", () => edit.addDocument(place.database, opened(place.path).collection));
  $("delete-collection").addEventListener("click", () => edit.deleteAll(place.database, opened(place.path).collection, "collection"));
  $("delete-document").addEventListener("click", () => edit.deleteDocument(place.database, told.document, hasBelow()));
  $("edit-document").addEventListener("click", () => edit.editDocument(place.database, told.document));
  $("add-field").addEventListener("click", () => edit.editField(place.database, told.document, [], null));
  $("clear").addEventListener("click", () => edit.deleteAll(place.database, "", "database"));
  $("first").addEventListener("click", () => page(""));
  $("next").addEventListener("click", () => page(told.documents?.ids.at(-1) ?? ""));
}

const hasBelow = () => (told.collections.get(told.document?.path)?.ids ?? []).length > 0;

function page(from) {
  after = from;
  reopen();
}

/** Goes to another place. What is known of it already is shown at once. */
export function go(to) {
  const before = { ...opened(place.path), database: place.database };
  const now = { ...opened(to.path), database: to.database };
  const isOther = before.database !== now.database;
  if (isOther) told.collections.clear();
  if (isOther || before.collection !== now.collection) {
    told.documents = null;
    after = "";
  }
  if (isOther || before.document !== now.document) {
    told.document = null;
    unfolded = new Set();
  }
  place = to;
  $("columns").dataset.depth = now.document ? "document" : now.collection ? "collection" : "root";
  draw();
}

// ——— what is told ———

export function onDatabases(names) {
  databases = names;
}

export function onCollections({ under, ids, more }) {
  told.collections.set(under, { ids, more });
  drawCollections();
  drawBelow();
}

export function onDocuments(list) {
  if (list.collection !== opened(place.path).collection || list.after !== after) return;
  told.documents = list;
  drawDocuments(new Set(list.changed ?? []));
}

export function onDocument(document) {
  if (document.path !== opened(place.path).document) return;
  const isNews = told.document !== null && told.document.updateTime !== document.updateTime;
  told.document = document;
  drawDocument();
  if (isNews) flash($("fields"));
}

// ——— drawing ———

function draw() {
  drawCrumbs();
  drawCollections();
  drawDocuments(new Set());
  drawDocument();
}

function drawCrumbs() {
  const { database, path } = place;
  const here = database ? [[shortName(database), hashOf(database)]] : [];
  path.forEach((part, index) => here.push([part, hashOf(database, path.slice(0, index + 1))]));
  const parts = here.map(([text, href], index) => {
    const isLast = index === here.length - 1;
    return el("a", { href, dir: "auto", "aria-current": isLast ? "page" : undefined }, text);
  });
  $("crumbs").replaceChildren(...parts);
  $("clear").hidden = !database;
}

/** A row of a list, that leads somewhere. */
function link(id, href) {
  return el("li", {}, el("a", { href, dir: "auto" }, id));
}

function mark(node, href, isCurrent) {
  const anchor = node.firstElementChild;
  anchor.setAttribute("href", href);
  if (isCurrent) anchor.setAttribute("aria-current", "true");
  else anchor.removeAttribute("aria-current");
}

const split = (path) => (path === "" ? [] : path.split("/"));

function drawCollections() {
  const { above, collection } = opened(place.path);
  const known = told.collections.get(above);
  const ids = [...(known?.ids ?? [])];
  const open = split(collection).at(-1);
  // A deep link may lead where nothing is.
  if (open !== undefined && known && !ids.includes(open)) ids.unshift(open);
  const href = (id) => hashOf(place.database, [...split(above), id]);
  keyed($("collection-list"), ids, (id) => id, (id) => link(id, href(id)), (node, id) => mark(node, href(id), id === open));
  $("collections-title").textContent = above ? `In ${split(above).at(-1)}` : "Collections";
  $("add-collection").hidden = !place.database;
  say($("collections-none"), ids.length > 0 ? "" : place.database
    ? (known || !isShown(place.database) ? "No collections. They show here the moment a client writes a document." : "Asking…")
    : "No database was used yet. Connect a client, and it shows here.");
  if (known?.more) say($("collections-none"), `${known.more} more are not listed.`);
}

function say(node, text) {
  node.hidden = text === "";
  node.textContent = text;
}

function drawDocuments(changed) {
  const { collection, document } = opened(place.path);
  const list = told.documents;
  const missing = new Set(list?.missing ?? []);
  const ids = list ? [...new Set([...list.ids, ...list.missing])].sort(byBytes) : [];
  const open = split(document).at(-1);
  const href = (id) => hashOf(place.database, [...split(collection), id]);
  keyed($("document-list"), ids, (id) => id, (id) => link(id, href(id)), (node, id) => {
    mark(node, href(id), id === open);
    const isMissing = missing.has(id);
    node.classList.toggle("missing", isMissing);
    node.title = isMissing ? "This document does not exist, but documents below it do." : "";
    if (changed.has(id)) flash(node);
  });
  $("documents-title").textContent = collection ? split(collection).at(-1) : "Documents";
  $("add-document").hidden = $("delete-collection").hidden = collection === "";
  const isFirst = after === "";
  $("pages").hidden = !list || (isFirst && !list.hasMore);
  $("first").disabled = isFirst;
  $("next").disabled = !list?.hasMore;
  say($("documents-none"), collection === "" ? "Choose a collection." : ids.length > 0 ? ""
    : list ? (isFirst ? "No documents here." : "No documents after these.")
    : isShown(place.database) ? "Asking…" : "No such database was used yet.");
}

/** The order of Firestore: by code points, not by the 16-bit units that JavaScript compares. */
function byBytes(left, right) {
  const [l, r] = [[...left], [...right]];
  const at = l.findIndex((point, index) => point !== r[index]);
  if (at < 0) return l.length - r.length;
  return at >= r.length ? 1 : l[at].codePointAt(0) - r[at].codePointAt(0);
}

const ways = {
  isOpen: (key) => unfolded.has(key),
  remember: (key, isOpen) => (isOpen ? unfolded.add(key) : unfolded.delete(key)),
  toggle(key, isOpen) {
    ways.remember(key, isOpen);
    drawDocument();
  },
  edit: (segments, value) => edit.editField(place.database, told.document, segments, value),
  remove: (segments) => edit.removeField(place.database, told.document, segments),
};

function drawDocument() {
  const { document: path } = opened(place.path);
  const document = told.document;
  $("document-title").textContent = path ? split(path).at(-1) : "Document";
  $("document-actions").hidden = !document;
  $("add-field").hidden = $("delete-document").hidden = !document?.exists;
  $("edit-document").textContent = document && !document.exists ? "Create" : "Edit JSON";
  keepingFocus($("document-body"), () => {
    $("fields").replaceChildren(...(document?.exists ? drawFields(document.fields, ways) : []));
  });
  $("document").dataset.updated = document?.updateTime ?? "";
  say($("document-none"), path === "" ? "Choose a document." : !document ? (isShown(place.database) ? "Asking…" : "No such database was used yet.")
    : !document.exists ? "This document does not exist." : Object.keys(document.fields).length === 0 ? "This document has no fields." : "");
  drawFacts(document);
  drawBelow();
}

function drawFacts(document) {
  $("facts").hidden = !document?.exists;
  if (!document?.exists) return;
  const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  $("facts").replaceChildren(
    fact("Created", document.createTime), fact("Updated", document.updateTime), fact("Size", bytes(document.size)));
}

function drawBelow() {
  const { document } = opened(place.path);
  const ids = document ? (told.collections.get(document)?.ids ?? []) : [];
  $("below").hidden = ids.length === 0;
  const href = (id) => hashOf(place.database, [...split(document), id]);
  keyed($("below-list"), ids, (id) => id, (id) => link(id, href(id)), (node, id) => mark(node, href(id), false));
}
