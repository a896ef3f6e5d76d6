// The table of the locks that are held.

import { ago } from "./format.js";

const $ = (id) => document.getElementById(id);

/** Shows what is held; `null` if that is not known, which leaves the rows and marks them as old. */
export function showLocks(list) {
  $("locks").dataset.known = String(list !== null);
  if (list === null) return;
  const locks = [...list.locks].sort((l, r) => (l.key < r.key ? -1 : 1));
  $("locks-table").hidden = locks.length === 0;
  $("locks-none").hidden = locks.length > 0;
  $("locks-none").textContent = "Nobody holds a lock.";
  $("locks-more").hidden = list.complete;
  $("locks-rows").replaceChildren(...locks.flatMap(rows));
}

/** A row per holder; a key that is shared stands once, beside all of them. */
function rows({ key, mode, holders }) {
  return holders.map((holder, index) => {
    const row = document.createElement("tr");
    row.dataset.key = key;
    if (index === 0) {
      const head = cell("th", key);
      head.scope = "rowgroup";
      head.rowSpan = holders.length;
      row.append(head);
    }
    const owner = holder.owner ?? "unnamed";
    const since = ago(Date.now() - Date.parse(holder.acquired));
    row.append(cell("td", mode === "shared" ? `${owner} (shared)` : owner), cell("td", since), cell("td", rest(holder.remaining_ms)));
    return row;
  });
}

function cell(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}

function rest(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds < 120 ? `in ${seconds} s` : `in ${Math.round(seconds / 60)} min`;
}
