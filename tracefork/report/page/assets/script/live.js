/** Takes the steps of a run that is still going on, each as it ends. */
function grow() {
  index.chunks = [0, 0];
  index.facts = Number.MAX_SAFE_INTEGER;
  $("steps").replaceChildren();
  $("found").textContent = "none so far";
  const told = new EventSource(`${live}/live`);
  told.addEventListener("step", (event) => {
    const {row, facts: said, pieces, lanes: names} = JSON.parse(event.data);
    const several = names.length > 0 && index.lanes.length > 0, last = at < 0 || (at === index.own - 1 && branch < 0 && !sheet && tab === "new");
    const every = !windowed();
    index.steps.push(row);
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

/** The strip of a run that is still going on, as `timeline.py` draws that of one that is over. */
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
