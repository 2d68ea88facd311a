/* -- JSON as a tree ------------------------------------------------------------------------ */

const SLICE = 100;      // members that are shown at once
const TREE = 4e6;       // characters of what may become a tree
const NESTED = 500;     // levels of it

/** JSON as [kind, value]: "object" pairs in their order, "array" nodes, "string" text, "plain" what was
    written, with all digits of a number. Null where a text is none. */
function exact(text) {
  if (text.length > TREE) return null;
  const token = /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\.)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;
  let held, sign;
  const next = () => {
    const found = token.exec(text);
    if (!found) throw new SyntaxError("no JSON");
    [, sign] = held = found;
  };
  const read = (depth) => {
    if (depth > NESTED) throw new SyntaxError("too deep");
    if (held[2] !== undefined) return ["string", JSON.parse(held[2])];
    if (held[3] !== undefined) return ["plain", held[3]];
    if (sign !== "{" && sign !== "[") throw new SyntaxError("no JSON");
    const ends = sign === "{" ? "}" : "]", out = [];
    for (next(); sign !== ends; ) {
      let key;
      if (ends === "}") {
        if (held[2] === undefined) throw new SyntaxError("no key");
        key = JSON.parse(held[2]);
        next();
        if (sign !== ":") throw new SyntaxError("no colon");
        next();
      }
      const inner = read(depth + 1);
      out.push(ends === "}" ? [key, inner] : inner);
      next();
      if (sign === ",") { next(); if (sign === ends) throw new SyntaxError("a comma too many"); }
      else if (sign !== ends) throw new SyntaxError("no comma");
    }
    return [ends === "}" ? "object" : "array", out];
  };
  try {
    next();
    const found = read(0);
    return /^[ \t\r\n]*$/.test(text.slice(token.lastIndex)) ? found : null;
  } catch { return null; }
}

/** A tree of JSON; what is folded is made when it is opened. */
function tree([kind, value], key, open) {
  const name = key !== undefined && [el("b", null, typeof key === "number" ? String(key) : key), ": "];
  if (kind === "plain") return el("div", {class: "leaf"}, name, el("span", {class: "n"}, value));
  if (kind === "string") return el("div", {class: "leaf"}, name, value.includes("\n") || value.length > 200 ? long("pre", value) : el("span", {class: "s"}, chips(JSON.stringify(value))), embedded(value));
  const sum = kind === "object" ? `{ ${plural(value.length, "member")} }` : `[ ${value.length.toLocaleString("en")} ]`;
  if (!value.length) return el("div", {class: "leaf"}, name, kind === "object" ? "{ }" : "[ ]");
  const node = el("details", {open}, el("summary", null, name, sum));
  const fill = (from) => {
    value.slice(from, from + SLICE).forEach((one, n) => node.append(kind === "object" ? tree(one[1], one[0]) : tree(one, from + n)));
    const left = value.length - from - SLICE;
    if (left > 0) { const rest = button(`${left.toLocaleString("en")} more`, () => { rest.remove(); fill(from + SLICE); highlight(); }); node.append(rest); }
  };
  if (open) fill(0);
  else node.addEventListener("toggle", () => fill(0), {once: true});
  return node;
}

/** JSON with its indents, each number as it was written. */
function spread([kind, value], indent = "") {
  if (kind === "plain") return value;
  if (kind === "string") return JSON.stringify(value);
  const more = `${indent}  `, [open, close] = kind === "object" ? "{}" : "[]";
  if (!value.length) return open + close;
  const inner = value.map((one) => more + (kind === "object" ? `${JSON.stringify(one[0])}: ${spread(one[1], more)}` : spread(one, more)));
  return `${open}\n${inner.join(",\n")}\n${indent}${close}`;
}
