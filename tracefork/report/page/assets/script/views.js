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
      ["asked at", told.site || "not known"], ["strand", told.lane || "main"], ["api", row.a || "unknown"], ["model", row.m || "not said"]];
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

/** A button that copies a text; where the browser has no clipboard for the page, by way of a field that is marked. */
function copy(what, text) {
  const node = button(what, async () => {
    const done = await navigator.clipboard?.writeText(text()).then(() => true, () => false) || copied(text());
    node.textContent = done ? "copied" : "the browser forbids it";
    setTimeout(() => { node.textContent = what; }, 1500);
  });
  return node;
}

function copied(text) {
  const held = document.activeElement, field = el("textarea", {class: "aside", "aria-hidden": "true"});
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  held?.focus({preventScroll: true});
  return done;
}
