// Values with their types: Firestore's REST form, drawn as a tree.

import { bytes, el, many } from "./dom.js";
import { hashOfName } from "./place.js";

/** Strings longer than this are cut, and arrays and maps with more parts, until someone asks. */
const LONG = 240;
const MANY = 60;

const NAMES = {
  nullValue: "null", booleanValue: "boolean", integerValue: "integer", doubleValue: "double",
  timestampValue: "timestamp", stringValue: "string", bytesValue: "bytes", referenceValue: "reference",
  geoPointValue: "geopoint", arrayValue: "array", mapValue: "map",
};

const kindOf = (value) => Object.keys(value)[0];

export const isVector = (value) => value.mapValue?.fields?.__type__?.stringValue === "__vector__";

export const numbersOf = (value) => (value.mapValue.fields.value.arrayValue.values ?? []).map((one) => one.doubleValue);

/** What the type of a value is called. */
export const typeOf = (value) => (isVector(value) ? "vector" : NAMES[kindOf(value)]);

/** The segments of a path as Firestore writes it. */
export function fieldPath(segments) {
  const plain = /^[A-Za-z_][A-Za-z0-9_]*$/;
  const quote = (name) => `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
  return segments.map((name) => (plain.test(name) ? name : quote(name))).join(".");
}

/**
 * Draws fields as rows. `ways` holds `isOpen(path)`, `toggle(path, open)`, and, where a field can be
 * changed, `edit(segments, value)` and `remove(segments)`; elements of an array change with the array.
 */
export function drawFields(fields, ways, segments = [], inArray = false) {
  const names = Object.keys(fields);
  return firstOf(names, JSON.stringify(["more", ...segments]), ways, (name) =>
    row(name, fields[name], [...segments, name], ways, inArray));
}

/** Rows for the first parts; a button for the rest. */
function firstOf(parts, key, ways, make) {
  if (parts.length <= MANY || ways.isOpen(key)) return parts.map(make);
  const rest = el("button", { class: "plain more", type: "button", "data-focus": key, onclick: () => ways.toggle(key, true) },
    `Show ${many(parts.length - MANY, "more")}`);
  return [...parts.slice(0, MANY).map(make), rest];
}

function row(name, value, segments, ways, inArray) {
  const key = JSON.stringify(segments);
  const head = [el("span", { class: "name", dir: "auto" }, name), el("span", { class: "type" }, typeOf(value))];
  const acts = inArray ? null : actions(key, segments, value, ways);
  const parts = partsOf(value);
  if (!parts) return el("div", { class: "field", "data-field": key }, head, el("span", { class: "value" }, plain(value, key, ways)), acts);
  const isArray = "arrayValue" in value;
  const details = el("details", { class: "nest", open: !ways.isOpen(`closed ${key}`) },
    el("summary", { "data-focus": `sum ${key}` }, head, el("span", { class: "quiet" }, size(parts, isArray))), );
  details.addEventListener("toggle", () => ways.remember(`closed ${key}`, !details.open));
  details.append(el("div", { class: "inner" }, drawFields(parts, ways, segments, inArray || isArray)));
  return el("div", { class: "field deep", "data-field": key }, details, acts);
}

const size = (parts, isArray) => {
  const count = Object.keys(parts).length;
  return isArray ? many(count, "element") : many(count, "field");
};

/** The parts of a map or an array; null for what has none. */
function partsOf(value) {
  if ("arrayValue" in value) return Object.assign(Object.create(null), value.arrayValue.values ?? []);
  return "mapValue" in value && !isVector(value) ? (value.mapValue.fields ?? {}) : null;
}

function actions(key, segments, value, ways) {
  if (!ways.edit) return null;
  const label = segments.join(".");
  return el("span", { class: "acts" },
    el("button", { class: "plain", type: "button", "data-focus": `edit ${key}`, "aria-label": `Edit ${label}`, onclick: () => ways.edit(segments, value) }, "Edit"),
    el("button", { class: "plain danger", type: "button", "data-focus": `remove ${key}`, "aria-label": `Delete ${label}`, onclick: () => ways.remove(segments) }, "Delete"));
}

/** A value without parts. */
function plain(value, key, ways) {
  if (isVector(value)) {
    const numbers = numbersOf(value);
    return cut(`[${numbers.join(", ")}]`, key, ways, many(numbers.length, "number"));
  }
  const kind = kindOf(value);
  const content = value[kind];
  switch (kind) {
    case "stringValue": return cut(content, key, ways, many([...content].length, "character"), "text");
    case "bytesValue": return blob(content, key, ways);
    case "referenceValue": return el("a", { href: hashOfName(content), title: content }, content.split("/documents/")[1] ?? content);
    case "timestampValue": return el("time", { title: new Date(content).toString() }, content.replace(/\.?0+Z$/, "Z").replace("T", " "));
    case "geoPointValue": return `${degrees(content.latitude ?? 0, "N", "S")}, ${degrees(content.longitude ?? 0, "E", "W")}`;
    case "doubleValue": return Number.isInteger(content) && Math.abs(content) < 1e15 ? `${Object.is(content, -0) ? "-0" : content}.0` : String(content);
    case "nullValue": return el("span", { class: "quiet" }, "null");
    default: return String(content);
  }
}

const degrees = (number, plus, minus) => `${Math.abs(number)}° ${number < 0 ? minus : plus}`;

function blob(base64, key, ways) {
  const raw = atob(base64);
  const hex = Array.from(raw.slice(0, 4096), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
  return [cut(hex, key, ways, bytes(raw.length)), raw.length > 4096 ? " …" : "", el("span", { class: "quiet" }, ` ${bytes(raw.length)}`)];
}

function cut(text, key, ways, whole, kind = "") {
  const isCut = text.length > LONG && !ways.isOpen(key);
  // A surrogate pair is not cut in two.
  const shown = isCut ? text.slice(0, LONG).replace(/[\uD800-\uDBFF]$/, "") : text;
  const all = isCut && el("button", { class: "plain more", type: "button", "data-focus": key, onclick: () => ways.toggle(key, true) }, `… show all (${whole})`);
  const less = !isCut && text.length > LONG && el("button", { class: "plain more", type: "button", "data-focus": key, onclick: () => ways.toggle(key, false) }, "show less");
  if (text === "") return el("span", { class: "quiet" }, "empty");
  return el("span", { class: kind, dir: "auto" }, shown, all || "", less || "");
}
