// Making elements. What comes from a database is only ever text.

export const $ = (id) => document.getElementById(id);

/** An element with properties; `data-…`, `aria-…` and `class` are attributes. Children are nodes or text. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "class" || name === "colspan") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Makes the children of `parent` those of `items`, keeping the nodes, and the focus, of keys that stay. */
export function keyed(parent, items, key, make, update) {
  const held = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let node = held.get(name);
    held.delete(name);
    if (!node) {
      node = make(item);
      node.dataset.key = name;
    }
    update?.(node, item);
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
  for (const node of held.values()) node.remove();
}

/** Runs `change`, which replaces nodes, and puts the focus back on what has the same key. */
export function keepingFocus(root, change) {
  const key = root.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  change();
  if (key !== undefined) [...root.querySelectorAll("[data-focus]")].find((node) => node.dataset.focus === key)?.focus();
}

/** A node shows that it changed just now. */
export function flash(node) {
  node.classList.remove("new");
  void node.offsetWidth;
  node.classList.add("new");
}

export const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

export function bytes(count) {
  if (count < 1024) return many(count, "byte");
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 / 1024).toFixed(1)} MiB`;
}
