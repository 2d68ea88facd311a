/** Takes the steps of a run that is still going on, each as it ends. */
function grow() {
  index.chunks = [0, 0];
  index.facts = Number.MAX_SAFE_INTEGER;
  $("steps").replaceChildren();
  $("found").textContent = "none so far";
  const told = new EventSource(`${live}/live`);
  told.addEventListener("step", (event) => {
    const {row, facts: said, pieces, lanes: names, problems} = JSON.parse(event.data);
    const several = names.length > 0 && index.lanes.length > 0, last = at < 0 || (at === index.own - 1 && branch < 0 && !sheet && tab === "new");
    const every = !windowed();
    index.steps.push(row);
    problems.forEach(note);
    index.own = index.steps.length;
    index.lanes.push(...names);
    grown.f.push(said);
    grown.c.push(...pieces);
    index.chunks = [0, grown.c.length];
    whole = -1;
    if (several) lanes();
    if (!every || index.own > LISTED || !inOrder()) list(); else { put(index.own - 1); shown.push(index.own - 1); }
    waiting = waiting || requestAnimationFrame(() => { waiting = 0; draw(); renew(); $("found").textContent = `${index.own} so far`; if (last) go(index.own - 1, false); });
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
    ends: [held && held.selectionStart, held && held.selectionEnd], scrolled: SCROLLED.map((id) => $(id).scrollTop), down: scrollY, laid: laid(), sorted: [sorted, falling]};
}

async function resume(was) {
  lay(was.laid);
  if (was.sorted) sort(...was.sorted);
  $("search").value = was.typed;
  if (was.typed) await search(was.typed);
  if (was.held) $(was.held)?.focus({preventScroll: true});
  if (was.held === "search") $("search").setSelectionRange(...was.ends);
  SCROLLED.forEach((id, n) => { $(id).scrollTop = was.scrolled[n]; });
  scrollTo(0, was.down);
}

/** How the strip lies, as `timeline.py` has it: rows, their height and that of bars, and where the context begins. */
function heights() {
  const paths = [...new Set(index.steps.map((row) => row.l))].map((n) => index.lanes[n] || "main"), last = (path) => path.split("/").at(-1);
  const names = paths.map((path) => paths.filter((other) => last(other) === last(path)).length > 1 ? path : last(path));
  const [rows, row, high] = names.length > 1 ? [Math.min(names.length, 16), 11, 7] : [3, 4.5, 3.5];
  return {names, rows, row, high, top: Math.round(6 + rows * row + 14)};
}

/** An element of a drawing. */
function draws(tag, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, said] of Object.entries(attributes)) node.setAttribute(name, said);
  node.textContent = text;
  return node;
}

/** The labels of the strip, each at its height. */
function labels({names, rows, row, high, top}, peak) {
  const shorten = (name, room) => { const end = (room - 1) >> 1; return name.length > room ? `${name.slice(0, room - 1 - end)}…${name.slice(-end)}` : name; };
  const more = names.length > rows ? ` +${names.length - rows}` : "";
  const said = names.length > 1 ? names.slice(0, rows).map((name, n) => [Math.round(6 + row * n + high), n === rows - 1 ? shorten(name, 15 - more.length) + more : shorten(name, 15)]) : [[14, "latency"]];
  said.push([top + 10, "context"]);
  if (peak) said.push([top + 23, `to ${short(peak)}`]);
  const box = document.querySelector("#strip .labels"), height = top + 32;
  box.replaceChildren(...said.map(([y, text]) => draws("text", {x: 0, y}, text)));
  for (const node of [box, document.querySelector("#strip svg")]) node.setAttribute("height", height);
  document.querySelector("#strip svg").setAttribute("viewBox", `0 0 1000 ${height}`);
}

/** The strip of a run that is still going on, as `timeline.py` draws that of one that is over. */
function draw() {
  const drawing = document.querySelector("#strip svg"), bars = {first: "", rest: "", error: ""}, lies = heights();
  const {names, rows, row: tall, high, top} = lies, foot = top + 28;
  const every = Math.ceil(index.own / 700), context = [];
  const bar = (from, to, y) => to > from ? `M${from} ${y}H${to}v${high}H${from}z` : "";
  const order = new Map([...new Set(index.steps.map((row) => row.l))].map((n, place) => [n, place]));
  const peak = index.steps.reduce((most, row) => Math.max(most, tokens(row)), 0);
  for (let start = 0; start < index.own; start += every) {
    const column = index.steps.slice(start, start + every), falling = new Map();
    column.forEach((row, n) => {
      const y = 6 + tall * (names.length > 1 ? Math.min(order.get(row.l), rows - 1) : (start / every) % rows);
      falling.set(y, [...falling.get(y) || [], {span: span(start + n), wrong: wrongs.has(start + n)}]);
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
  context.sort((one, other) => parseFloat(one) - parseFloat(other));
  const line = context.join("L");
  const paths = {...bars, area: line && `M${line.split(" ")[0]} ${foot}L${line}L${context.at(-1).split(" ")[0]} ${foot}z`, growth: line && `M${line}`};
  drawing.replaceChildren(...Object.entries(paths).filter(([, d]) => d).map(([kind, d]) => draws("path", {class: kind, d})));
  labels(lies, peak);
  cursor(at < index.own ? at : -1);
}
