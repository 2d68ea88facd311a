/* -- values, and what can be done with them ---------------------------------------------------- */

const INLINE = 100;     // characters of a value that stands beside its name

/** A value, such as what a tool was called with or gave: as it reads best, as a tree, and to be copied. */
function valued(text, body) {
  const json = /^\s*[[{]/.test(text), box = el("div", {class: "value"}), plain = body || long("pre", pretty(text));
  const reveal = (nodes) => box.replaceChildren(bar, ...[nodes].flat(9).filter(Boolean));
  const toggle = json && button("tree", () => {
    const on = toggle.getAttribute("aria-pressed") !== "true", made = on && exact(text);
    if (on && !made) { toggle.textContent = "is no JSON"; toggle.disabled = true; return; }
    toggle.setAttribute("aria-pressed", String(on));
    reveal(on ? el("div", {class: "json"}, tree(made, undefined, true)) : plain);
    highlight();
  }, {"aria-pressed": "false"});
  const bar = el("span", {class: "acts"}, toggle, copy("copy", () => text));
  reveal(plain);
  return box;
}

/** The arguments of a call, each by its name, its text with the line breaks that it has. */
function given(text) {
  const found = text.length <= FIRST ? exact(text) : null;
  if (!found || found[0] !== "object" || !found[1].length) return valued(text);
  return valued(text, el("dl", {class: "args"}, found[1].map(([key, one]) => {
    const [kind, said] = one, whole = kind === "string" ? said : spread(one);
    const block = whole.includes("\n") || whole.length > INLINE;
    const pre = (nodes) => el("pre", {class: kind === "string" && "said", tabindex: 0, role: "group", "aria-label": `Argument ${key}`}, nodes);
    return [el("dt", {class: block && "above"}, key), el("dd", {class: block && "above"}, block ? pre(kind === "string" ? coloured(said, language(said, "", key)) : coloured(whole, SLASH))
      : el("code", {class: kind === "string" ? "s" : "n"}, chips(kind === "string" ? JSON.stringify(said) : whole.replace(/\s+/g, " "))))];
  })));
}

/** Words that may be read as Markdown, if the reader wants so. */
function prose(text) {
  const node = el("div", {class: "text"}, long("p", text));
  if (MARKED.test(text.slice(0, FIRST))) node.marked = text;
  return node;
}

/** A message with its buttons: to read it as Markdown where it looks like that, and to copy it. */
function equipped(node, text) {
  const texts = [...node.querySelectorAll(".text")].filter((one) => one.marked), plain = new Map();
  const toggle = texts.length > 0 && button("Markdown", () => {
    const on = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(on));
    for (const one of texts) {
      if (on) {
        plain.set(one, [...one.childNodes]);
        one.replaceChildren(markdown(one.marked));
      } else one.replaceChildren(...plain.get(one));
    }
    highlight();
  }, {"aria-pressed": "false"});
  acts(node).append(...[toggle, copy("copy", text)].filter(Boolean));
  return node;
}
