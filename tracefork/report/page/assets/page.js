"use strict";
/* The page of a run. It knows no vendor: what was said comes with the payload, as roles and parts.
   Text reaches the document only as text nodes; there is no markup in a string here. */
(() => {
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  const live = root.dataset.live || "";

  const TABS = [["new", "What’s new"], ["conversation", "Conversation"], ["request", "Request"],
    ["response", "Response"], ["events", "Events"], ["headers", "Headers"]];
  const FIRST = 65536;    // characters of a text that are shown at once
  const EVENTS = 500;     // events that are shown at once
  const KEPT = {c: 12, f: 4};  // chunks of pieces, and of facts, that are kept inflated
  const LISTED = 2000;    // steps up to which the list is the document's own
  const ROW = 50;         // pixels of a row of a longer list
  const TOGETHER = 50;    // rows that are laid out together, when one of them comes into sight
  const PAIRS = 20;       // steps that a comparison shows at once
  const STREAM = /^\ufeff?(event|data|id|retry|):/;  // how a stream of events begins
  const WORDS = 2000;     // words up to which two texts are compared word by word

  let index;              // the payload's first block
  let at = -1;            // the step that is shown, counted over the run's own and those of branches
  let tab = "new";
  let branch = -1;        // the branch that is compared, if one is
  let turn = 0;           // of showing: what was asked for before the last turn is not shown any more
  let query = "";
  let hits = null;        // steps that the search found
  let lane = -1;          // the lane that is listed alone

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

  /* -- figures -------------------------------------------------------------------- */

  const short = (n) => n < 1000 ? String(n) : n < 9950 ? (n / 1e3).toFixed(1) + "k" : n < 999500 ? (n / 1e3).toFixed(0) + "k" : (n / 1e6).toFixed(1) + "M";
  function size(n) {
    if (n < 1024) return n + " B";
    for (const unit of ["KiB", "MiB"]) if ((n /= 1024) < 1023.95) return `${n.toFixed(1)} ${unit}`;
    return (n / 1024).toFixed(1) + " GiB";
  }
  const weight = (text) => new TextEncoder().encode(text).length;          // bytes of a text,
  const heft = (of) => of.binary ? bytes(of.text).length : weight(of.text);  // and of a piece
  const plural = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
  function duration(s) {
    if (s < 0.9995) return Math.round(s * 1000) + " ms";
    if (s < 59.95) return s.toFixed(1) + " s";
    const whole = Math.round(s);
    return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
  }

  /* -- the payload ---------------------------------------------------------------- */

  const chunks = {c: new Map(), f: new Map()};

  const grown = {c: [], f: []};  // of a run that is still going on: its pieces and facts so far

  async function block(name) {
    const held = $(name);
    if (!held) throw new Error(`the page has no block ${name}`);
    const stream = new Blob([bytes(held.textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  function chunk(kind, number) {
    if (live) return Promise.resolve(grown[kind]);
    const held = chunks[kind];
    if (!held.has(number)) {
      const got = block(kind + number);
      held.set(number, got);
      got.catch(() => held.delete(number));
      if (held.size > KEPT[kind]) held.delete(held.keys().next().value);
    }
    return held.get(number);
  }

  function chunkOf(number) {
    let low = 0, high = index.chunks.length - 2;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (index.chunks[middle] <= number) low = middle; else high = middle - 1;
    }
    return low;
  }

  async function piece(number) {
    const n = chunkOf(number);
    const [text, binary, said, key] = (await chunk("c", n))[number - index.chunks[n]];
    return {number, text, binary, said, key};
  }

  const facts = async (step) => (await chunk("f", Math.floor(step / index.facts)))[step % index.facts];

  /** The pieces of a question: those of its base where the row has runs, new ones else. */
  function asked(step) {
    const chain = [step];
    while (index.steps[chain.at(-1)].q[0] >= 0) chain.push(index.steps[chain.at(-1)].q[0]);
    let pieces = [];
    for (const one of chain.reverse()) {
      const base = pieces;
      pieces = index.steps[one].q.slice(1).flatMap((part) => typeof part === "number" ? part : base.slice(part[0], part[0] + part[1]));
    }
    return pieces;
  }

  const fresh = (step) => index.steps[step].q.slice(1).filter((part) => typeof part === "number");

  function value(of) {
    if (!("value" in of)) {
      try { of.value = JSON.parse(of.text.replace(/^[\s,]+/, "")); } catch { of.value = null; }
    }
    return of.value;
  }

  /** A text of a reading: itself, or the path to where it stands in the piece. */
  const words = (of, said) => Array.isArray(said) ? String(said.reduce((v, key) => v === null || v === undefined ? v : v[key], value(of)) ?? "") : said;

  const response = async (step) => {
    const row = index.steps[step], number = row.d ?? row.r;
    return number === undefined ? null : piece(number);
  };

  function bytes(base64) { return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)); }

  /* -- messages ------------------------------------------------------------------- */

  const isMessage = (one) => Boolean(one.said && one.said.role !== undefined);

  function part(of, said, calls) {
    const [kind] = said;
    if (kind === "text") return long("p", words(of, said[1]));
    if (kind === "thinking") {
      const thought = words(of, said[1]);
      return el("div", {class: "part thinking"}, el("b", null, "thinking"), long("p", thought || "(not shown by the vendor)"));
    }
    if (kind === "call") {
      const [, id, name, given] = said;
      return el("div", {class: "part call", "data-call": id}, el("b", {class: "mono"}, `→ ${name}`), long("pre", pretty(words(of, given))));
    }
    if (kind === "result") {
      const [, id, name, wrong, inner] = said;
      const of_ = name || (calls && calls.get(id)) || "";
      const title = (wrong ? "✕ tool error" : "← tool result") + (of_ ? `: ${of_}` : "");
      const shown = inner.map((one) => one[0] === "text" ? long("pre", pretty(words(of, one[1]))) : part(of, one, calls));
      return el("div", {class: `part ${wrong ? "wrong" : "result"}`, "data-result": id}, el("b", null, title), shown);
    }
    if (kind === "media") {
      const [, what, type, count, url] = said;
      const told = [type, count === null ? "" : size(count), words(of, url)].filter(Boolean).join(", ");
      return el("div", {class: "part"}, el("b", null, `[${what}]`), told && el("p", null, told));
    }
    return el("div", {class: "part"}, el("b", {class: "mono"}, said[1]), long("pre", pretty(words(of, said[2]))));
  }

  /** JSON with its indents, if it is JSON whose numbers survive; else the text as it is. */
  function pretty(text) {
    if (text.length > FIRST || !/^\s*[[{]/.test(text) || /\d{16}|\d\.\d{15}|\de\d/i.test(text)) return text;
    try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
  }

  function card(kind, role, notes, body, props) {
    return el("article", {class: `message ${kind}`, ...props},
      el("header", null, el("b", null, role), ...notes.filter(Boolean).map((note) => note.nodeType ? note : el("span", null, note))),
      el("div", {class: "body"}, body));
  }

  function message(of, notes, calls, kind = "asked") {
    return card(kind, of.said.role, notes, of.said.parts.map((one) => part(of, one, calls)));
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
      return said.choices.map((choice) => card("answer", choice.role, [choice.stop, broken, took], choice.parts.map((one) => part(of, one))));
    }
    return [card(row.k === "error" ? "failed" : "answer", "response", [`HTTP ${row.s}`, took], of.binary ? hex(bytes(of.text)) : long("pre", pretty(of.text)))];
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
    return parts.map((one) => one[0] === "call" ? [one[0], one[1], one[2], canonical(words(of, one[3]))] : one.map((x) => Array.isArray(x) && typeof x[0] !== "object" ? words(of, x) : x));
  }

  /** Whether two answers say the same. */
  function alike(one, other) {
    const choices = [one, other].map((of) => of && of.said && of.said.choices);
    return Boolean(choices[0] && choices[1] && choices[0].length === choices[1].length
      && choices[0].every((choice, n) => same(one, other, choice.parts, choices[1][n].parts)));
  }

  function canonical(text) { try { return JSON.stringify(JSON.parse(text)); } catch { return text; } }

  /* -- words that changed ----------------------------------------------------------- */

  const plainText = (of) => of.said.parts.map((one) => one[0] === "text" ? words(of, one[1]) : one[0] === "result" ? one[4].map((x) => x[0] === "text" ? words(of, x[1]) : "").join("\n") : JSON.stringify(spelled(of, [one]))).join("\n");

  /** Both texts as one, word by word; null where they are too long, or have nothing in common. */
  function changed(before, after) {
    const old = before.match(/\s+|\S+/g) || [], now = after.match(/\s+|\S+/g) || [];
    let head = 0, tail = 0;
    while (head < old.length && head < now.length && old[head] === now[head]) head++;
    while (tail < old.length - head && tail < now.length - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
    const a = old.slice(head, old.length - tail), b = now.slice(head, now.length - tail);
    if (head + tail === 0 || a.length > WORDS || b.length > WORDS) return null;
    const out = [old.slice(0, head).join("")], width = b.length + 1;
    const common = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
      }
    }
    const say = (tag, word) => {
      const last = out.at(-1);
      if (last.nodeType && last.tagName === tag.toUpperCase()) last.append(word); else out.push(el(tag, null, word));
    };
    let i = 0, j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) { out.push(a[i]); i++; j++; }
      else if (j >= b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) say("del", a[i++]);
      else say("ins", b[j++]);
    }
    out.push(old.slice(old.length - tail).join(""));
    return out;
  }

  /* -- the views of a step ------------------------------------------------------------ */

  const VIEWS = {
    async new(step) {
      const row = index.steps[step], base = row.q[0];
      const pieces = await Promise.all(fresh(step).map(piece));
      const before = base >= 0 ? await response(base) : null;
      const calls = named([...pieces, before]);
      const out = [...callout(step), ...asides(step)];
      const ids = base >= 0 ? asked(step) : [], old = base >= 0 ? asked(base) : [];
      const gone = base >= 0 ? await lost(ids, old) : [];
      if (row.x) out.push(el("p", {class: "kept"}, "History restarted here: no earlier message is repeated"));
      if (base >= 0) out.push(kept(step));
      const edited = new Set();
      for (const one of pieces) {
        if (!isMessage(one)) continue;
        const came = (row.b || []).includes(one.number);
        const twin = row.h && row.h[0] && gone.find((other) => !edited.has(other) && other.said.role === one.said.role && old.indexOf(other.number) === ids.indexOf(one.number));
        const diff = twin ? changed(plainText(twin), plainText(one)) : null;
        if (came) out.push(button(`${one.said.role}: the answer of step ${label(base)}, sent back unchanged`, () => go(base), {class: "kept"}));
        else if (diff) { edited.add(twin); out.push(card("asked", one.said.role, [`changed since step ${label(base)}`], el("p", null, diff))); }
        else out.push(message(one, ["", `new · ${size(heft(one))}`], calls));
      }
      const left = gone.filter((one) => !edited.has(one));
      if (left.length) out.push(el("details", {class: "kept"}, el("summary", null, `${plural(left.length, "message")} of step ${label(base)} left out`), left.map((one) => message(one, ["left out"], calls))));
      out.push(...tools(pieces), ...others(row, pieces), ...await answer(step, await response(step)));
      return out;
    },

    async conversation(step) {
      const known = new Set(fresh(step));
      const pieces = (await Promise.all(asked(step).map(piece)));
      const calls = named(pieces);
      const out = pieces.filter(isMessage).map((one) => message(one, ["", known.has(one.number) ? "new" : ""], calls));
      out.push(...tools(pieces), ...others(index.steps[step], pieces), ...await answer(step, await response(step)));
      for (const node of out) jumps(node, out);
      return out;
    },

    async request(step) {
      const pieces = await Promise.all(asked(step).map(piece)), row = index.steps[step];
      const told = await facts(step);
      const binary = pieces.some((one) => one.binary);
      const text = binary ? "" : pieces.map((one) => one.text).join("");
      return [
        el("p", {class: "sub"}, `${told.asked.method} ${told.asked.url}`),
        el("p", {class: "sub"}, size(row.z[0]), omitted(told.asked) || ", every byte as it was sent", !binary && copy("copy", () => text), !binary && !told.asked.omitted && copy("copy as curl", () => curl(told.asked, text))),
        binary ? hex(bytes(pieces[0].text)) : long("pre", text, {class: "whole", "aria-label": "Body of the request"}, false)];
    },

    async response(step) {
      const row = index.steps[step], told = await facts(step);
      if (row.r === undefined) return answer(step, null);
      const raw = await piece(row.r), plain = row.d === undefined ? raw : await piece(row.d);
      const out = [el("p", {class: "sub"}, `HTTP ${row.s}, ${size(row.z[1])}`, omitted(told.answered) || ", every byte as it came", !plain.binary && copy("copy", () => plain.text))];
      if (plain !== raw) {
        const held = el("details", {class: "kept"}, el("summary", null, "The bytes on the wire, compressed"), hex(bytes(raw.text)));
        out.push(el("p", {class: "sub"}, "Shown with its content-encoding undone."), held);
      }
      out.push(...(plain.binary ? hex(bytes(plain.text)) : long("pre", plain.text, {class: "whole", "aria-label": "Body of the response"}, false)));
      return out;
    },

    async events(step) {
      const of = await response(step), told = await facts(step).catch(() => ({timing: []}));
      const found = of && !of.binary && (told.events || STREAM.test(of.text)) ? events(of.text) : [];
      if (!found.length) return [el("p", {class: "sub"}, "The answer was no stream of events.")];
      let time = 0;
      const gaps = told.events || told.timing[3] || [], times = gaps.length === found.length ? gaps.map((gap) => time += gap) : [];
      const line = ([name, data], n) => el("tr", null, el("td", null, n), el("td", null, n in times ? `+${times[n]} ms` : ""), el("td", {class: "mono"}, name), el("td", {class: "mono"}, data.slice(0, 2000)));
      const body = el("tbody", null, found.slice(0, EVENTS).map(line));
      const more = found.length > EVENTS && button(`Show all ${found.length.toLocaleString("en")}`, () => { body.append(...found.slice(EVENTS).map((e, n) => line(e, n + EVENTS))); more.remove(); highlight(); });
      return [el("table", {class: "events"}, el("thead", null, el("tr", null, ["#", "time", "event", "data"].map((name) => el("th", {scope: "col"}, name)))), body), more];
    },

    async headers(step) {
      const told = await facts(step), row = index.steps[step], heard = told.answered;
      const pairs = (name, list) => el("table", {class: "facts-table"}, el("caption", null, name), el("tbody", null, list.map(([key, said]) => el("tr", null, el("th", {scope: "row", class: "mono"}, key), el("td", {class: "mono"}, chips(String(said)))))));
      const end = heard.end && heard.end.kind ? `${heard.end.kind}: ${heard.end.message}` : heard.end;
      const timing = [["began", `+${duration(row.t[0])}`], ["first byte after", duration(row.t[1] - row.t[0])], ["took", duration(row.t[2] - row.t[0])],
        ["lane", told.lane || "main"], ["api", row.a || "unknown"], ["model", row.m || "not said"]];
      return [
        pairs("Request", told.asked.headers),
        heard.headers ? pairs(`Response: ${heard.version} ${heard.status} ${heard.reason}`, heard.headers) : pairs("No response", [[heard.kind, heard.message]]),
        heard.headers ? pairs("Body", [["ended by", end], ["chunks", heard.cuts.length]]) : null,
        pairs("Step", timing)];
    },
  };

  function callout(step) {
    const mark = step < index.own && index.blame.find((one) => one[0] === step);
    if (!mark || !mark[4]) return [];
    const share = (x) => Math.round(x * 100) + "%";
    const row = document.querySelector(`.blame a[href="#step-${step}"]`)?.closest("tr")?.querySelector(".value");
    return [el("div", {class: "callout"}, el("b", null, `Step ${step} stands out. `), row ? row.title.replace(/^step \d+: /, "").replace(/^./, (c) => c.toUpperCase()) + "." : `${share(mark[1])}, interval ${share(mark[2])} to ${share(mark[3])}.`)];
  }

  /** What the run drew and which tools it called since the step before. */
  function asides(step) {
    if (step >= index.own) return [];
    return index.asides.filter((one) => besides(one) === step)
      .map(([before, said, given, got]) => aside(before > step ? `after this step: ${said}` : said, given, got));
  }

  const aside = (said, given, got) => el("details", {class: "kept"}, el("summary", null, said), given && long("pre", pretty(given)), long("pre", pretty(got)));

  /** The step beside which an aside is shown: the next one, or the last. */
  const besides = ([before]) => Math.min(before, index.own - 1);

  function kept(step) {
    const {q: [base], h: [repeated, hidden] = [0, 0]} = index.steps[step];
    const what = repeated ? `${plural(repeated, "earlier message")} unchanged since step` : "Instructions or tools are those of step";
    const said = `${what} ${label(base)} (${size(hidden)} hidden)`;
    return button(said, () => show({tab: "conversation"}), {class: "kept"});
  }

  /** The messages of the base that are no longer there. */
  async function lost(ids, old) {
    const now = new Set(ids);
    return (await Promise.all(old.filter((number) => !now.has(number)).map(piece))).filter(isMessage);
  }

  function tools(pieces) {
    const declared = pieces.flatMap((one) => one.said && one.said.tools ? one.said.tools.map((tool) => tool.map((said) => words(one, said))) : []);
    if (!declared.length) return [];
    return [el("details", {class: "kept"}, el("summary", null, `${plural(declared.length, "tool")} declared: ${declared.map(([name]) => name).join(", ")}`),
      declared.map(([name, about, schema]) => el("div", {class: "part"}, el("b", {class: "mono"}, name), about && long("p", about), schema && long("pre", pretty(schema)))))];
  }

  /** New pieces that nobody has a form for; of servers that are no model's, the whole question. */
  function others(row, pieces) {
    const bare = pieces.filter((one) => !one.said && (one.key || !row.a) && one.text.trim());
    return bare.map((one) => card("asked", one.key || "request", ["", size(heft(one))], one.binary ? hex(bytes(one.text)) : long("pre", pretty(one.text))));
  }

  /** From a call to its result, and back. */
  function jumps(node, all) {
    for (const call of node.querySelectorAll("[data-call]")) {
      const result = all.map((one) => one.querySelector(`[data-result="${CSS.escape(call.dataset.call)}"]`)).find(Boolean);
      if (!call.dataset.call || !result) continue;
      const to = (target) => () => { target.scrollIntoView({block: "center"}); target.querySelector("button")?.focus({preventScroll: true}); };
      call.firstChild.append(" ", button("↓ result", to(result)));
      result.firstChild.append(" ", button("↑ call", to(call)));
    }
  }

  const omitted = (told) => told.omitted ? `; ${size(told.omitted.length)} were longer than max_body, and only their sha-256 is kept: ${told.omitted.sha256}` : "";

  /** Server-sent events as the HTML standard reads them: name and data. */
  function events(text) {
    const out = [];
    let name = "", data = [];
    for (const line of text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/).slice(0, -1)) {
      if (!line) {
        if (data.length) out.push([name || "message", data.join("\n")]);
        name = ""; data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon), said = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") name = said;
      else if (field === "data") data.push(said);
    }
    return out;
  }

  function hex(all) {
    const rows = (from, to) => {
      const lines = [];
      for (let start = from; start < to; start += 16) {
        const line = [...all.subarray(start, Math.min(start + 16, to))];
        lines.push(`${start.toString(16).padStart(8, "0")}  ${line.map((b) => b.toString(16).padStart(2, "0")).join(" ").padEnd(47)}  ${line.map((b) => b > 31 && b < 127 ? String.fromCharCode(b) : "·").join("")}`);
      }
      return lines.join("\n");
    };
    const most = 8192, node = el("pre", {class: "whole", tabindex: 0, role: "group", "aria-label": "Bytes"}, rows(0, Math.min(all.length, most)));
    if (all.length <= most) return [node];
    const rest = button(`Show all ${size(all.length)}`, () => { node.textContent = rows(0, all.length); rest.remove(); });
    return [node, rest];
  }

  function curl(told, body) {
    const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const skip = new Set(["host", "content-length", "accept-encoding", "connection"]);
    const headers = told.headers.filter(([name]) => !skip.has(name.toLowerCase())).map(([name, said]) => `  -H ${quote(`${name}: ${said}`)} \\\n`);
    return `curl --globoff -X ${quote(told.method)} --url ${quote(told.url)} \\\n${headers.join("")}  --data-raw ${quote(body)}`;
  }

  function copy(what, text) {
    const node = button(what, async () => {
      try { await navigator.clipboard.writeText(text()); node.textContent = "copied"; } catch { node.textContent = "the browser forbids it"; }
      setTimeout(() => { node.textContent = what; }, 1500);
    });
    return node;
  }

  /* -- showing ------------------------------------------------------------------------ */

  const ofBranch = (step) => index.branches.findIndex((one) => one.first <= step && step < one.first + one.count);

  /** How a step is named: its number in its own run. */
  function label(step) {
    const n = step < index.own ? -1 : ofBranch(step);
    return n < 0 ? String(step) : `${index.steps[step].i} of ${index.branches[n].name}`;
  }

  function address(step, view) {
    const n = step < index.own ? -1 : ofBranch(step);
    return `#${n < 0 ? "" : `b${n}-`}step-${index.steps[step].i}${view === "new" ? "" : `/${view}`}`;
  }

  /** Shows what has changed of: the step, its view, a branch beside its parent. */
  async function show(change) {
    const mine = ++turn;
    if (change.branch === undefined) {
      branch = -1;
      at = change.at ?? at;
      tab = change.tab ?? tab;
    } else branch = change.branch;
    if (change.link !== false) history.replaceState(null, "", branch >= 0 ? `#branch-${branch}` : address(at, tab));
    choose();
    let view;
    try {
      view = branch >= 0 ? await beside(branch) : await detail(at);
    } catch (error) {
      view = el("div", null, el("p", {class: "notice", role: "alert"}, `This step cannot be shown: ${error.message}`));
    }
    if (mine !== turn) return;
    $("detail").replaceChildren(view);
    $("detail").dataset.shown = branch >= 0 ? `#branch-${branch}` : address(at, tab);
    $("detail").scrollTop = 0;
    highlight();
  }

  const go = (step) => show({at: Math.max(0, Math.min(index.steps.length - 1, step))});

  async function detail(step) {
    const row = index.steps[step], own = step < index.own, n = own ? -1 : ofBranch(step);
    const last = own ? index.own - 1 : index.branches[n].first + index.branches[n].count - 1;
    const first = own ? 0 : index.branches[n].first;
    let panel;
    try { panel = await VIEWS[tab](step); } catch (error) {
      panel = [el("p", {class: "notice", role: "alert"}, `This part of the step cannot be shown: ${error.message}`)];
    }
    const tokens = row.u ? `${short(row.u[0] ?? 0)} tokens in${row.u[1] ? ` (${short(row.u[1])} cached)` : ""}, ${short(row.u[2] ?? 0)} out` : "";
    const sub = [row.r === undefined ? `no response: ${row.s}` : `HTTP ${row.s}`, `first byte ${duration(row.t[1] - row.t[0])}`, `total ${duration(row.t[2] - row.t[0])}`,
      tokens, row.c || "", row.m || "", index.lanes.length > 1 ? `lane ${index.lanes[row.l] || "main"}` : ""].filter(Boolean).join(" · ");
    return el("div", null,
      el("div", {class: "name"}, el("h2", {id: "name"}, `Step ${row.i}: ${row.n}`),
        el("div", {class: "nav"}, button("↑", () => go(step - 1), {disabled: step <= first, "aria-label": "Previous step"}), button("↓", () => go(step + 1), {disabled: step >= last, "aria-label": "Next step"}))),
      el("p", {class: "sub"}, sub, copy("copy link", () => location.href)),
      n >= 0 && el("p", {class: "sub"}, "In branch ", el("a", {href: `#branch-${n}`}, index.branches[n].name), `, which left its parent ${index.branches[n].place}.`),
      el("div", {class: "tabs", role: "tablist", "aria-label": "Views of the step"}, TABS.map(([key, name]) => button(name, () => show({tab: key}), {
        role: "tab", id: `tab-${key}`, "aria-controls": "panel", "aria-selected": String(key === tab), tabindex: key === tab ? 0 : -1}))),
      el("div", {id: "panel", role: "tabpanel", "aria-labelledby": `tab-${tab}`, tabindex: 0}, panel));
  }

  /** A branch and its parent, side by side from where they part. */
  async function beside(n) {
    const one = index.branches[n];
    const parent = one.of ?? -1;
    const from = parent < 0 ? one.at : index.branches[parent].first + one.at - index.branches[parent].at;
    const end = parent < 0 ? index.own : index.branches[parent].first + index.branches[parent].count;
    const name = parent < 0 ? "recorded run" : index.branches[parent].name;
    const left = Math.max(0, end - from), count = Math.max(left, one.count);
    const grid = el("div", {class: "beside"}, el("h3", null, name), el("h3", {class: "right"}, one.name));
    const add = async (start) => {
      for (let k = start; k < Math.min(count, start + PAIRS); k++) {
        const sides = [k < left ? from + k : -1, k < one.count ? one.first + k : -1];
        const answers = await Promise.all(sides.map((step) => step < 0 ? null : response(step)));
        const titles = sides.map((step) => step < 0 ? null : el("a", {href: address(step, "new")}, `Step ${index.steps[step].i}: ${index.steps[step].n}`));
        if (alike(...answers)) {
          grid.append(el("p", {class: "kept"}, titles[0], " and ", titles[1], ": the same answer"));
          continue;
        }
        grid.append(...await Promise.all(sides.map(async (step, side) => el("div", null, step < 0
          ? el("p", {class: "kept"}, "it was over")
          : [el("p", {class: "sub"}, titles[side]), ...await answer(step, answers[side])]))));
      }
      if (start + PAIRS < count) {
        const rest = button(`${plural(count - start - PAIRS, "more step")}`, () => { rest.remove(); add(start + PAIRS); });
        grid.append(rest);
      }
    };
    await add(0);
    return el("div", {class: "pair"},
      el("div", {class: "name"}, el("h2", {id: "name"}, `Branch: ${one.name}`)),
      el("p", {class: "sub"}, `${one.of === null ? `It left another run ${one.place}; it is shown beside this one, from where they differ. It` : `It left the ${parent < 0 ? "recorded run" : `branch ${name}`} at step ${one.at},`} has ${plural(one.count, "exchange")} of its own, and ${one.outcome}.`, copy("copy link", () => location.href)),
      count ? grid : el("p", {class: "kept"}, "Nothing differs: every question and answer is the parent's."));
  }

  /* -- the list ------------------------------------------------------------------------- */

  const rows = [];        // by step: its row, the document's own or one that was made
  let shown = [];         // the steps of the list, as they are filtered

  /** Whether only the rows in sight are in the document: laying out thousands takes its time. */
  const windowed = () => Math.max(index.own, shown.length) > LISTED || shown.length < index.own;

  function passes(step) { return (hits ? hits.has(step) : step < index.own) && (lane < 0 || index.steps[step].l === lane); }

  function list() {
    shown = [...index.steps.keys()].filter(passes);
    if (windowed()) { slide(); return; }
    $("steps").replaceChildren();
    shown.forEach(put);
  }

  /** Puts the row of a step at the end of the list. */
  function put(step) {
    let last = $("steps").lastElementChild;
    if (!last || last.childElementCount >= TOGETHER) $("steps").append(last = el("ol"));
    last.append(line(step));
  }

  /** Puts the rows in sight between two blocks of empty room. */
  function slide() {
    const box = $("list"), top = Math.max(0, Math.floor((box.scrollTop - $("steps").offsetTop) / ROW) - 10);
    const seen = shown.slice(top, top + Math.ceil(box.clientHeight / ROW) + 20);
    const room = (count) => {
      const node = el("li", {role: "presentation", class: "room"});
      node.style.height = `${count * ROW}px`;
      return node;
    };
    const held = document.activeElement && document.activeElement.closest("#steps li")?.id;
    $("steps").replaceChildren(el("ol", null, room(top), seen.map(line), room(Math.max(0, shown.length - top - seen.length))));
    if (held) $(held)?.querySelector("a").focus({preventScroll: true});
    choose(false);
  }

  function line(step) {
    if (rows[step]) return rows[step];
    const row = index.steps[step], mark = index.blame.find((one) => one[0] === step && one[4]);
    return rows[step] = el("li", {id: `step-${step}`, class: row.x ? `${row.k} restarts` : row.k}, el("a", {href: address(step, "new")},
      el("i", null, row.i), el("b", null, row.n),
      el("small", null, mark && [el("em", null, Math.round(mark[1] * 100) + "%"), " "], duration(row.t[2] - row.t[0])),
      el("span", null, step >= index.own && [el("code", null, index.branches[ofBranch(step)].name), " "],
        index.lanes.length > 1 && [el("code", null, index.lanes[row.l] || "main"), " "], row.p || "")));
  }

  let current = [];       // links that are marked

  function mark(link, as) {
    link?.setAttribute("aria-current", as);
    if (link) current.push(link);
  }

  /** Marks the step that is shown, in the list, on the strip and in the tree. */
  function choose(scroll = true) {
    current.forEach((node) => node.removeAttribute("aria-current"));
    current = [];
    const n = branch >= 0 ? branch : at >= index.own ? ofBranch(at) : -1;
    if (n >= 0) mark(document.querySelector(`.tree a[href="#branch-${n}"]`), "true");
    if (windowed() && scroll && shown.includes(at)) {
      const place = shown.indexOf(at) * ROW + $("steps").offsetTop, box = $("list");
      if (place < box.scrollTop || place + ROW > box.scrollTop + box.clientHeight) { box.scrollTop = place - box.clientHeight / 2; slide(); return; }
    }
    const link = branch < 0 && $(`step-${at}`)?.querySelector("a");
    if (link) { mark(link, "step"); if (scroll) link.scrollIntoView({block: "nearest"}); }
    cursor(n < 0 ? at : branch >= 0 && index.branches[branch].of === -1 ? index.branches[branch].at : -1);
  }

  function step(by) {
    if (branch < 0 && (hits || at < index.own)) {
      const place = shown.indexOf(at);
      const next = place < 0 ? shown.find((one) => by > 0 ? one > at : one < at) : shown[place + by];
      if (next !== undefined) go(next);
    } else if (branch < 0 && ofBranch(at + by) === ofBranch(at)) go(at + by);
  }

  function lanes() {
    const box = $("lanes");
    if (!box) return;
    const own = new Set(index.steps.slice(0, index.own).map((row) => row.l));
    if (own.size < 2) return;
    const choices = [[-1, "all lanes"], ...[...own].map((n) => [n, index.lanes[n] || "main"])];
    box.replaceChildren(...choices.map(([n, name]) => button(name, () => { lane = n; lanes(); list(); }, {class: "lane", "aria-pressed": String(lane === n)})));
  }

  /* -- searching ------------------------------------------------------------------------ */

  /** What a person would read in a piece. */
  function read([text, binary, said, key]) {
    if (binary) return "";
    if (!said) return text;
    const of = {text, said, key}, out = [];
    const gather = (parts) => {
      for (const one of parts) {
        for (const x of one.slice(1)) {
          if (typeof x === "string") out.push(x);
          else if (Array.isArray(x) && Array.isArray(x[0])) gather(x);
          else if (Array.isArray(x)) out.push(words(of, x));
        }
      }
    };
    if (said.parts) gather(said.parts);
    for (const choice of said.choices || []) gather(choice.parts);
    if (said.failure) gather([["", ...said.failure]]);
    if (said.tools) gather(said.tools.map((tool) => ["", ...tool.slice(0, 2)]));
    return out.join("\n");
  }

  const lowered = [];     // by chunk: what its pieces say, in lower case
  let spare = 16e6;       // characters of that which may still be kept

  async function heard(n) {
    if (lowered[n]) return lowered[n];
    const said = (await chunk("c", n)).map((one) => read(one).toLowerCase());
    const length = said.reduce((sum, one) => sum + one.length, 0);
    if (!live && spare > length) {
      spare -= length;
      lowered[n] = said;
    }
    return said;
  }

  /** Opens what a search will look at, while nothing else is to be done. */
  function warm(n) {
    if (n + 1 >= index.chunks.length || spare < 1e6) return;
    const idle = window.requestIdleCallback || ((run) => setTimeout(run, 50));
    idle(() => heard(n).catch(() => []).then(() => warm(n + 1)));
  }

  async function search(text) {
    const mine = query = text.trim().toLowerCase();
    if (!mine) {
      hits = null;
      $("found").textContent = "";
    } else {
      const pieces = new Set();
      for (let n = 0; n + 1 < index.chunks.length; n++) {
        const said = await heard(n).catch(() => []);  // what a broken chunk holds cannot be found
        if (query !== mine) return;
        said.forEach((one, k) => { if (one.includes(mine)) pieces.add(index.chunks[n] + k); });
      }
      const has = (...said) => said.some((one) => one && one.toLowerCase().includes(mine));
      const beside = new Set(index.asides.filter(([, ...said]) => has(...said)).map(besides));
      hits = new Set([...index.steps.keys()].filter((step) => {
        const row = index.steps[step];
        return beside.has(step) || pieces.has(row.d ?? row.r) || has(row.n, row.p, row.w, row.f)
          || fresh(step).some((number) => pieces.has(number) && !(row.b || []).includes(number));
      }));
      const own = [...hits].filter((step) => step < index.own).length;
      $("found").textContent = `${own} of ${index.own}${hits.size > own ? `, ${hits.size - own} in branches` : ""}`;
    }
    list();
    highlight();
  }

  function highlight() {
    if (!("highlights" in CSS)) return;
    CSS.highlights.delete("found");
    if (!query) return;
    const ranges = [], walk = document.createTreeWalker($("detail"), NodeFilter.SHOW_TEXT);
    while (walk.nextNode() && ranges.length < 1000) {
      const said = walk.currentNode.data.toLowerCase();
      if (said.length !== walk.currentNode.data.length) continue;
      for (let place = said.indexOf(query); place >= 0 && ranges.length < 1000; place = said.indexOf(query, place + query.length)) {
        const range = new Range();
        range.setStart(walk.currentNode, place);
        range.setEnd(walk.currentNode, place + query.length);
        ranges.push(range);
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  /* -- the strip ------------------------------------------------------------------------- */

  const EDGE = 4 / 1000;  // as the drawing has it
  let whole = -1;         // seconds that the strip shows

  function total() {
    if (whole < 0) whole = index.steps.slice(0, index.own).reduce((most, row) => Math.max(most, row.t[2]), 0);
    return whole;
  }

  /** Where a step begins, has its head, and ends, of 1000: by its times, or in its order where there are none. */
  function span(step) {
    const shares = total() > 0 ? index.steps[step].t.map((time) => time / total()) : [0, 0.5, 0.9].map((more) => (step + more) / index.own);
    return shares.map((share) => 1000 * (EDGE + (1 - 2 * EDGE) * Math.min(1, Math.max(0, share))));
  }

  function middle(step) {
    const [began, , ended] = span(step);
    return (began + ended) / 2000;
  }

  const tokens = (row) => row.u ? row.u[0] || 0 : 0;

  function cursor(step) {
    const mark = $("cursor"), drawing = document.querySelector("#strip svg");
    if (!mark) return;
    mark.hidden = step < 0 || step >= index.own;
    if (mark.hidden) return;
    const box = drawing.getBoundingClientRect(), around = $("strip").getBoundingClientRect();
    mark.style.left = `${box.left - around.left + middle(step) * box.width}px`;
  }

  function point(event) {
    const box = document.querySelector("#strip svg").getBoundingClientRect(), place = (event.clientX - box.left) / box.width;
    let best = 0;
    for (let n = 1; n < index.own; n++) if (Math.abs(middle(n) - place) < Math.abs(middle(best) - place)) best = n;
    go(best);
  }

  /* -- addresses, keys, the start ----------------------------------------------------------- */

  function route() {
    const one = /^#(?:b(\d+)-)?step-(\d+)(?:\/(\w+))?$/.exec(location.hash), other = /^#branch-(\d+)$/.exec(location.hash);
    const old = /[?&]step=(\d+)/.exec(location.search);
    if (other && index.branches[other[1]]) return show({branch: Number(other[1]), link: false});
    if (one) {
      const of = one[1] === undefined ? null : index.branches[one[1]];
      const place = of ? of.first + Number(one[2]) - of.at : Number(one[2]);
      if (of === undefined || place < 0 || place >= (of ? of.first + of.count : index.own)) return show({at: Math.max(0, Math.min(place || 0, index.own - 1))});
      return show({at: place, tab: TABS.some(([key]) => key === one[3]) ? one[3] : "new", link: false});
    }
    const start = old ? Number(old[1]) : index.blame.find((mark) => mark[4])?.[0] ?? 0;
    return show({at: Math.max(0, Math.min(start, index.own - 1)), link: false});
  }

  function theme() {
    const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    root.dataset.theme = dark ? "light" : "dark";
  }

  function blamed() {
    const order = index.blame.map((mark) => mark[0]).filter((n) => n < index.own);
    if (order.length) go(order[(order.indexOf(at) + 1) % order.length]);
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === "Escape" && typing) { event.target.value = ""; search(""); event.target.blur(); return; }
    if (typing || document.querySelector("dialog[open]")) return;
    if (event.target.role === "tab" && /^Arrow(Left|Right)$/.test(event.key)) {
      const place = TABS.findIndex(([name]) => name === tab), by = event.key === "ArrowRight" ? 1 : TABS.length - 1;
      show({tab: TABS[(place + by) % TABS.length][0]}).then(() => $(`tab-${tab}`)?.focus());
      event.preventDefault();
      return;
    }
    const keys = {j: () => step(1), k: () => step(-1), b: blamed, g: () => go(0), G: () => go(index.own - 1), t: theme,
      "/": () => $("search").focus(), "?": () => $("help").showModal()};
    const run = keys[event.key] || (/^[1-6]$/.test(event.key) && branch < 0 && (() => show({tab: TABS[Number(event.key) - 1][0]})));
    if (run) { event.preventDefault(); run(); }
  }

  function listen() {
    let waiting, resizing;
    $("theme").addEventListener("click", theme);
    $("keys").addEventListener("click", () => $("help").showModal());
    $("search").addEventListener("input", (event) => { clearTimeout(waiting); waiting = setTimeout(() => search(event.target.value), 120); });
    $("steps").addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (link && !event.ctrlKey && !event.metaKey) { event.preventDefault(); go(Number(link.parentNode.id.slice(5))); }
    });
    document.querySelector("#strip svg")?.addEventListener("click", point);
    document.addEventListener("keydown", key);
    addEventListener("hashchange", route);
    addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => { choose(false); if (windowed()) slide(); }, 100); });
    $("list").addEventListener("scroll", () => { if (windowed()) requestAnimationFrame(slide); }, {passive: true});
  }

  /** Takes the steps of a run that is still going on, each as it ends. */
  function grow() {
    index.chunks = [0, 0];
    index.facts = Number.MAX_SAFE_INTEGER;
    $("steps").replaceChildren();
    $("found").textContent = "none so far";
    const told = new EventSource(`${live}/live`);
    told.addEventListener("step", (event) => {
      const {row, facts: said, pieces, lanes: names} = JSON.parse(event.data);
      const several = names.length > 0 && index.lanes.length > 0, last = at < 0 || (at === index.own - 1 && branch < 0 && tab === "new");
      const every = !windowed();
      index.steps.push(row);
      index.own = index.steps.length;
      index.lanes.push(...names);
      grown.f.push(said);
      grown.c.push(...pieces);
      index.chunks = [0, grown.c.length];
      whole = -1;
      if (several) lanes();
      if (!every || index.own > LISTED) list(); else { put(index.own - 1); shown.push(index.own - 1); }
      waiting = waiting || requestAnimationFrame(() => { waiting = 0; draw(); $("found").textContent = `${index.own} so far`; if (last) go(index.own - 1); });
    });
    told.addEventListener("over", (event) => {
      const places = event.data ? JSON.parse(event.data) : [];  // steps were listed as they ended
      told.close();
      history.replaceState(doing(), "", branch < 0 && places[at] !== undefined ? address(places[at], tab) : location.href);
      location.reload();
    });
    told.addEventListener("failed", (event) => {
      told.close();
      $("found").textContent = `${index.own} so far; what comes next cannot be read: ${JSON.parse(event.data).error}`;
    });
    let waiting = 0;
  }

  const SCROLLED = ["list", "detail", "side"];

  /** What the reader is about, for the page of the finished run; the address has the step and its view. */
  function doing() {
    const held = document.activeElement;
    return {theme: root.dataset.theme, typed: $("search").value, held: held && held.id,
      ends: [held && held.selectionStart, held && held.selectionEnd], scrolled: SCROLLED.map((id) => $(id).scrollTop), down: scrollY};
  }

  async function resume(was) {
    $("search").value = was.typed;
    if (was.typed) await search(was.typed);
    if (was.held) $(was.held)?.focus({preventScroll: true});
    if (was.held === "search") $("search").setSelectionRange(...was.ends);
    SCROLLED.forEach((id, n) => { $(id).scrollTop = was.scrolled[n]; });
    scrollTo(0, was.down);
  }

  /** The strip of a run that is still going on, as `strip.py` draws that of one that is over. */
  function draw() {
    const drawing = document.querySelector("#strip svg"), bars = {first: "", rest: "", error: ""}, foot = 62, top = 34;
    const lanes = new Set(index.steps.map((row) => row.l)).size, rows = lanes > 1 ? Math.min(lanes, 6) : 3;
    const every = Math.ceil(index.own / 700), context = [];
    const bar = (from, to, y) => to > from ? `M${from} ${y}H${to}v3.5H${from}z` : "";
    const peak = index.steps.reduce((most, row) => Math.max(most, tokens(row)), 0);
    for (let start = 0; start < index.own; start += every) {
      const column = index.steps.slice(start, start + every), falling = new Map();
      column.forEach((row, n) => {
        const y = 6 + 4.5 * ((lanes > 1 ? row.l : start / every) % rows);
        falling.set(y, [...falling.get(y) || [], {span: span(start + n), wrong: row.k === "error" || row.k === "fault"}]);
      });
      for (const [y, together] of falling) {
        const sum = (from, to) => together.reduce((all, one) => all + one.span[to] - one.span[from], 0);
        const began = Math.min(...together.map((one) => one.span[0])), end = Math.max(...together.map((one) => one.span[2]));
        const headed = began + (end - began) * (sum(0, 1) / sum(0, 2) || 0), ended = Math.max(end, began + 1);
        if (together.some((one) => one.wrong)) bars.error += bar(began, ended, y);
        else { bars.first += bar(began, headed, y); bars.rest += bar(headed, ended, y); }
      }
      const largest = column.reduce((best, row, n) => tokens(row) > tokens(column[best]) ? n : best, 0);
      if (tokens(column[largest])) context.push(`${middle(start + largest) * 1000} ${foot - (foot - top) * tokens(column[largest]) / peak}`);
    }
    const line = context.join("L");
    const paths = {...bars, area: line && `M${line.split(" ")[0]} ${foot}L${line}L${context.at(-1).split(" ")[0]} ${foot}z`, growth: line && `M${line}`};
    drawing.replaceChildren(...Object.entries(paths).filter(([, d]) => d).map(([kind, d]) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", "path");
      node.setAttribute("class", kind);
      node.setAttribute("d", d);
      return node;
    }));
    cursor(at < index.own ? at : -1);
  }

  async function start() {
    performance.mark("tracefork-start");
    const was = live ? null : history.state;
    if (was) history.replaceState(null, "", location.href);
    if (was && was.theme) root.dataset.theme = was.theme;
    index = await block("index");
    document.querySelector(".tools").hidden = false;
    lanes();
    rows.push(...$("steps").querySelectorAll("li[id]"));
    if (rows.length < index.own) list(); else shown = [...rows.keys()];
    listen();
    if (live) grow();
    else if (index.steps.length) await route();
    else $("detail").replaceChildren(el("div", null, el("p", {class: "sub"}, "No exchange was recorded."), index.asides.map((one) => aside(...one.slice(1)))));
    if (was) await resume(was);
    if (!live) warm(0);
    root.dataset.ready = "yes";
    performance.mark("tracefork-ready");
  }

  start().catch((error) => {
    const why = typeof DecompressionStream === "undefined" ? "this browser cannot inflate gzip (DecompressionStream)" : error.message;
    $("detail").replaceChildren(el("p", {class: "notice", role: "alert"}, `The steps can be listed, but not opened: ${why}.`));
  });
})();
