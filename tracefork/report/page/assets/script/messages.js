/* -- messages ------------------------------------------------------------------- */

const isMessage = (one) => Boolean(one.said && one.said.role !== undefined);

function part(of, said, calls) {
  const [kind] = said;
  if (kind === "text") return prose(words(of, said[1]));
  if (kind === "thinking") {
    const thought = words(of, said[1]);
    return el("div", {class: "part thinking"}, el("b", null, "thinking"), long("p", thought || "(not shown by the vendor)"));
  }
  if (kind === "call") {
    const [, id, name, args] = said;
    return el("div", {class: "part call", "data-call": id}, el("b", {class: "mono"}, `→ ${name}`), given(words(of, args)));
  }
  if (kind === "result") {
    const [, id, name, wrong, inner] = said;
    const of_ = name || (calls && calls.get(id)) || "";
    const title = (wrong ? "✕ tool error" : "← tool result") + (of_ ? `: ${of_}` : "");
    const shown = inner.map((one) => one[0] === "text" ? valued(words(of, one[1])) : part(of, one, calls));
    return el("div", {class: `part ${wrong ? "wrong" : "result"}`, "data-result": id}, el("b", null, title), shown);
  }
  if (kind === "media") return medium(of, said);
  return el("div", {class: "part"}, el("b", {class: "mono"}, said[1]), valued(words(of, said[2])));
}

/** JSON with its indents, if it is JSON; else the text as it is. */
function pretty(text) {
  const found = text.length <= FIRST && /^\s*[[{]/.test(text) && exact(text);
  return found ? spread(found) : text;
}

function card(kind, role, notes, body, props) {
  return el("article", {class: `message ${kind}`, ...props},
    el("header", null, el("b", null, role), ...notes.filter(Boolean).map((note) => note.nodeType ? note : el("span", null, note))),
    el("div", {class: "body"}, body));
}

/** The buttons in the head of a message, where there is room for them. */
function acts(node) {
  const head = node.querySelector("header");
  let box = head.querySelector(".acts");
  if (!box) head.append(box = el("span", {class: "acts"}));
  return box;
}

function message(of, notes, calls, kind = "asked") {
  return equipped(card(kind, of.said.role, notes, of.said.parts.map((one) => part(of, one, calls))), () => spoken(of, of.said.parts));
}

async function answer(step, of) {
  const row = index.steps[step];
  const took = [row.u && row.u[2] !== null ? `${short(row.u[2])} tokens out` : "", duration(row.t[2] - row.t[0])].filter(Boolean).join(" · ");
  if (!of) {
    const fault = (await facts(step)).answered;
    return [card("failed", fault.kind, ["no response", took], long("p", fault.message))];
  }
  const said = of.said;
  if (said && said.failure) {
    return [card("failed", said.failure[0] || "error", [`HTTP ${row.s}`, took], long("p", words(of, said.failure[1])))];
  }
  if (said && said.choices) {
    const broken = said.broken ? "broke off" : "";
    return said.choices.map((choice) => equipped(card("answer", choice.role, [choice.stop, broken, took], choice.parts.map((one) => part(of, one))), () => spoken(of, choice.parts)));
  }
  const heading = [row.k === "error" ? "failed" : "answer", "response", [`HTTP ${row.s}`, took]];
  if (!of.binary) return [card(...heading, valued(of.text))];
  const type = ((await facts(step)).answered.headers || []).find(([name]) => name.toLowerCase() === "content-type"), data = bytes(of.text);
  return [card(...heading, [exhibit(data, type && String(type[1])), el("details", {class: "kept", open: !sniffed(data).type}, el("summary", null, "Its bytes"), hex(data))])];
}

/** What parts say, as text to be copied: words, what was called, what it gave. */
function spoken(of, parts) {
  return parts.map((one) => one[0] === "text" || one[0] === "thinking" ? words(of, one[1]) : one[0] === "call" ? `${one[2]} ${words(of, one[3])}`
    : one[0] === "result" ? spoken(of, one[4]) : one[0] === "media" ? `[${one[1]}]` : words(of, one[2])).join("\n");
}

/** What calls are named, by their ids, in these messages. */
function named(pieces) {
  const calls = new Map();
  const note = (parts) => { for (const one of parts) if (one[0] === "call") calls.set(one[1], one[2]); };
  for (const one of pieces) {
    if (!one || !one.said) continue;
    if (one.said.parts) note(one.said.parts);
    for (const choice of one.said.choices || []) note(choice.parts);
  }
  return calls;
}

const same = (one, other, here, there) => JSON.stringify(spelled(one, here)) === JSON.stringify(spelled(other, there));

/** Parts with their texts in place, without what a vendor may reorder. */
function spelled(of, parts) {
  return parts.map((one) => one[0] === "call" ? [one[0], one[1], one[2], canonical(words(of, one[3]))] : one.slice(0, 5).map((x) => Array.isArray(x) && typeof x[0] !== "object" ? words(of, x) : x));
}

/** Whether two answers say the same. */
function alike(one, other) {
  const choices = [one, other].map((of) => of && of.said && of.said.choices);
  return Boolean(choices[0] && choices[1] && choices[0].length === choices[1].length
    && choices[0].every((choice, n) => same(one, other, choice.parts, choices[1][n].parts)));
}

function canonical(text) { try { return JSON.stringify(JSON.parse(text)); } catch { return text; } }
