/* -- elements ------------------------------------------------------------------- */

function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(9)) if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}

const button = (label, click, props) => el("button", {type: "button", click, ...props}, label);

/** A long text: its beginning, and a button for the rest, which comes in slices that are laid out when seen. */
function long(tag, text, props, marked = true) {
  const node = el(tag, tag === "pre" ? {tabindex: 0, role: "group", "aria-label": "Text", ...props} : props);
  const put = (part) => marked ? chips(part) : [part];
  const end = cut(text, 0);
  node.append(...put(text.slice(0, end)));
  if (end === text.length) return [node];
  const rest = button(`Show all ${size(weight(text))}`, () => {
    for (let from = end, to; from < text.length; from = to) {
      to = cut(text, from);
      node.append(el("span", {class: "slice"}, put(text.slice(from, to))));
    }
    rest.remove();
    highlight();
  });
  return [node, rest];
}

/** Where the part of a text ends that begins at `from`: behind a line, if there is one. */
function cut(text, from) {
  if (text.length - from <= FIRST) return text.length;
  const line = text.lastIndexOf("\n", from + FIRST - 1);
  return line > from ? line + 1 : from + FIRST;
}

/** Text with each placeholder of a secret as a chip. */
function chips(text) {
  return text.split(/(\[secret:[^\]\s]{1,80}\])/).map((part, n) => n % 2 ? el("span", {class: "secret"}, part) : part).filter((part) => part !== "");
}
