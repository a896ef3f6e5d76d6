// Where the page is: a deep link after the `#`, and back.

/** What the address asks for: a view, a database, and a path within it. */
export function fromHash(hash) {
  const [, ...parts] = hash.replace(/^#/, "").split("/");
  if (parts[0] === "requests") return { view: "requests", database: null, path: [] };
  const read = (part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  const [projects, project, databases, database, documents, ...path] = parts.map(read);
  if (projects !== "projects" || databases !== "databases" || !project || !database) {
    return { view: "data", database: null, path: [] };
  }
  const whole = documents === "documents" ? path.filter((part) => part !== "") : [];
  return { view: "data", database: `projects/${project}/databases/${database}`, path: whole };
}

/** The address of a path in a database, or of the name of any document. */
export function hashOf(database, path = []) {
  const tail = path.length > 0 ? `/${path.map(encodeURIComponent).join("/")}` : "";
  return `#/${database.split("/").map(readable).join("/")}/documents${tail}`;
}

/** Parentheses, which the default database has, need no escape. */
const readable = (part) => encodeURIComponent(part);

export function hashOfName(name) {
  const [projects, project, databases, database, , ...path] = name.split("/");
  return hashOf([projects, project, databases, database].join("/"), path);
}

/** The collection that is listed, and the document that is shown. */
export function opened(path) {
  const isDocument = path.length > 0 && path.length % 2 === 0;
  const collection = isDocument ? path.slice(0, -1) : path;
  return {
    above: collection.slice(0, -1).join("/"),
    collection: collection.join("/"),
    document: isDocument ? path.join("/") : "",
  };
}

/** `demo / (default)`, as a database is called in few words. */
export function shortName(database) {
  const [, project, , id] = database.split("/");
  return id === "(default)" ? project : `${project} / ${id}`;
}
