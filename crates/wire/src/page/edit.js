// Changing what is stored: dialogs, and the doors behind them.

import { $, el } from "./dom.js";
import { hashOf } from "./place.js";
import { fieldPath, isVector, numbersOf, typeOf } from "./value.js";

async function send(door, body) {
  const response = await fetch(`/ui/v1/${door}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error?.message ?? response.statusText);
  return answer;
}

const commit = (database, write) => send("commit", { database, writes: [write] });

const nameOf = (database, path) => `${database}/documents/${path}`;

// ——— the dialog ———

/** Asks, and does what `act` does once the user agrees; what is wrong is said in the dialog. */
function ask({ title, text = "", body = [], ok = "Save", danger = false, act }) {
  $("dialog-title").textContent = title;
  $("dialog-text").textContent = text;
  $("dialog-body").replaceChildren(...body);
  $("dialog-wrong").textContent = "";
  $("dialog-ok").textContent = ok;
  $("dialog-ok").classList.toggle("danger", danger);
  $("form").onsubmit = async (event) => {
    event.preventDefault();
    $("dialog-ok").disabled = true;
    try {
      await act();
      $("dialog").close();
    } catch (error) {
      $("dialog-wrong").textContent = error.message;
    } finally {
      $("dialog-ok").disabled = false;
    }
  };
  $("dialog").showModal();
  (body.length > 0 ? $("dialog-body").querySelector("input, select, textarea") : $("dialog-cancel"))?.focus();
}

export function start() {
  $("dialog-cancel").addEventListener("click", () => $("dialog").close());
  $("dialog").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
  });
}

const labelled = (text, input) => el("label", {}, el("span", {}, text), input);

function json(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error.message}`);
  }
}

const area = (id, text, rows) => el("textarea", { id, rows, value: text, spellcheck: false, autocomplete: "off" });
const line = (id, value) => el("input", { id, type: "text", value, spellcheck: false, autocomplete: "off" });

// ——— documents ———

const EXAMPLE = { name: { stringValue: "Ada" }, born: { integerValue: "1815" } };

/** A new document, and its collection if that is not given. */
export function addDocument(database, collection, above = "") {
  const ofCollection = line("new-collection", "");
  const id = line("new-id", crypto.getRandomValues(new Uint8Array(10)).reduce((text, byte) => text + (byte % 36).toString(36), ""));
  const fields = area("new-fields", JSON.stringify(EXAMPLE, null, 2), 10);
  ask({
    title: collection === null ? "Add a collection" : "Add a document",
    text: collection === null ? "A collection is there as long as a document is in it." : `To ${collection}.`,
    body: [...(collection === null ? [labelled("Collection", ofCollection)] : []), labelled("Document id", id), labelled("Fields", fields)],
    ok: "Create",
    async act() {
      const parent = collection ?? [above, ofCollection.value].filter(Boolean).join("/");
      if (ofCollection.value.includes("/") || id.value.includes("/")) throw new Error("An id holds no slash.");
      const path = `${parent}/${id.value}`;
      const update = { name: nameOf(database, path), fields: json(fields.value) };
      await commit(database, { update, currentDocument: { exists: false } });
      location.hash = hashOf(database, path.split("/"));
    },
  });
}

/** The whole document as JSON; refused if somebody else changed it meanwhile. */
export function editDocument(database, document) {
  const fields = area("edit-fields", JSON.stringify(document.exists ? document.fields : EXAMPLE, null, 2), 18);
  const held = document.exists ? { updateTime: document.updateTime } : { exists: false };
  ask({
    title: document.exists ? "Edit the document" : "Create the document",
    text: `${document.path}, as Firestore's REST interface writes it: each value with its type.`,
    body: [labelled("Fields", fields)],
    act: () => commit(database, { update: { name: nameOf(database, document.path), fields: json(fields.value) }, currentDocument: held }),
  });
}

export function deleteDocument(database, document, hasBelow) {
  const all = el("input", { type: "checkbox", id: "all-below" });
  ask({
    title: "Delete the document?",
    text: document.path,
    body: hasBelow ? [el("label", { class: "check" }, all, el("span", {}, "and all documents below it"))] : [],
    ok: "Delete",
    danger: true,
    act: () => (all.checked ? send("delete", { database, path: document.path })
      : commit(database, { delete: nameOf(database, document.path) })),
  });
}

/** A collection with all below it; the database if `path` is empty. */
export function deleteAll(database, path, what) {
  ask({
    title: path === "" ? "Clear the database?" : `Delete the ${what}?`,
    text: path === "" ? `Every document of ${database} goes, and its transactions end.` : `Every document of ${path} goes, and all below them.`,
    ok: path === "" ? "Clear" : "Delete",
    danger: true,
    async act() {
      await send("delete", { database, path });
      location.hash = hashOf(database, path.split("/").slice(0, -1));
    },
  });
}

// ——— fields ———

const isNumber = (text) => text.trim() !== "" && !Number.isNaN(Number(text));

/** How each type is written in a text field, and read from there. */
const TYPES = {
  string: { read: (text) => ({ stringValue: text }), write: (value) => value.stringValue },
  integer: {
    hint: "a whole number of 64 bits",
    read(text) {
      if (!/^[+-]?\d+$/.test(text.trim())) throw new Error("An integer has digits only.");
      return { integerValue: text.trim().replace(/^\+/, "") };
    },
    write: (value) => value.integerValue,
  },
  double: {
    hint: "a number, NaN, Infinity or -Infinity",
    read(text) {
      const name = text.trim();
      if (["NaN", "Infinity", "-Infinity"].includes(name)) return { doubleValue: name };
      if (!isNumber(name) || !Number.isFinite(Number(name))) throw new Error("This is no number.");
      return { doubleValue: Number(name) };
    },
    write: (value) => String(value.doubleValue),
  },
  boolean: {
    hint: "true or false",
    read(text) {
      if (!["true", "false"].includes(text.trim())) throw new Error("A boolean is true or false.");
      return { booleanValue: text.trim() === "true" };
    },
    write: (value) => String(value.booleanValue),
  },
  timestamp: {
    hint: "as in 2026-01-31T12:00:00Z",
    read: (text) => ({ timestampValue: text.trim() }),
    write: (value) => value.timestampValue,
  },
  reference: {
    hint: "the full name of a document, or its path in this database",
    read: (text, database) => ({ referenceValue: text.startsWith("projects/") ? text.trim() : nameOf(database, text.trim()) }),
    write: (value) => value.referenceValue,
  },
  geopoint: {
    hint: "latitude, longitude",
    read(text) {
      const parts = text.split(",");
      if (parts.length !== 2 || !parts.every(isNumber)) throw new Error("A geopoint is a latitude, a comma and a longitude.");
      return { geoPointValue: { latitude: Number(parts[0]), longitude: Number(parts[1]) } };
    },
    write: (value) => `${value.geoPointValue.latitude ?? 0}, ${value.geoPointValue.longitude ?? 0}`,
  },
  bytes: { hint: "base64", read: (text) => ({ bytesValue: text.trim() }), write: (value) => value.bytesValue },
  null: { hint: "has no value", read: () => ({ nullValue: null }), write: () => "" },
  array: {
    hint: "a list of values with their types",
    read: (text) => ({ arrayValue: { values: json(text) } }),
    write: (value) => JSON.stringify(value.arrayValue.values ?? [], null, 2),
  },
  map: {
    hint: "names, and values with their types",
    read: (text) => ({ mapValue: { fields: json(text) } }),
    write: (value) => JSON.stringify(value.mapValue.fields ?? {}, null, 2),
  },
  vector: {
    hint: "numbers with commas between them",
    read(text) {
      const parts = text.replace(/^\s*\[|\]\s*$/g, "").split(",");
      if (!parts.every(isNumber)) throw new Error("A vector is a list of numbers.");
      const values = parts.map((part) => ({ doubleValue: Number(part) }));
      return { mapValue: { fields: { __type__: { stringValue: "__vector__" }, value: { arrayValue: { values } } } } };
    },
    write: (value) => (isVector(value) ? numbersOf(value).join(", ") : ""),
  },
};

/** Changes the field at `segments`; a new one at the root if there are none. */
export function editField(database, document, segments, value) {
  const isNew = value === null;
  const name = line("field-name", "");
  const held = isNew ? "string" : typeOf(value);
  const type = el("select", { id: "field-type" }, Object.keys(TYPES).map((kind) => new Option(kind, kind, false, kind === held)));
  const text = area("field-value", isNew ? "" : TYPES[held].write(value), 5);
  const hint = el("p", { class: "quiet" });
  const explain = () => {
    hint.textContent = TYPES[type.value].hint ?? "";
    text.hidden = type.value === "null";
  };
  type.addEventListener("change", explain);
  explain();
  ask({
    title: isNew ? "Add a field" : `Edit ${segments.join(".")}`,
    text: document.path,
    body: [...(isNew ? [labelled("Name", name)] : []), labelled("Type", type), labelled("Value", text), hint],
    act() {
      const path = isNew ? [name.value] : segments;
      if (path[0] === "") throw new Error("A field has a name.");
      if (isNew && Object.hasOwn(document.fields, path[0])) throw new Error("There is a field of this name already.");
      return merge(database, document, path, TYPES[type.value].read(text.value, database));
    },
  });
  if (!isNew) text.focus();
}

export function removeField(database, document, segments) {
  ask({
    title: `Delete ${segments.join(".")}?`,
    text: document.path,
    ok: "Delete",
    danger: true,
    act: () => merge(database, document, segments, null),
  });
}

/** Sets one field, or takes it away if `value` is null; the others stay as they are by then. */
function merge(database, document, segments, value) {
  const nest = (inner, segment) => ({ mapValue: { fields: { [segment]: inner } } });
  const fields = value === null ? {} : segments.reduceRight(nest, value).mapValue.fields;
  const update = { name: nameOf(database, document.path), fields };
  const updateMask = { fieldPaths: [fieldPath(segments)] };
  return commit(database, { update, updateMask, currentDocument: { exists: true } });
}

