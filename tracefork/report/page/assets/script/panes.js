/* -- panes ------------------------------------------------------------------------------ */

const PANES = {list: ["the list of steps", 200, 760, "["], side: ["blame and branches", 200, 760, "]"]};
const NUDGE = 16;       // pixels that an arrow moves a border
const pane = () => document.querySelector("main");
const folded = (id) => pane().classList.contains(`no-${id}`);

/** Folds a pane, or unfolds it. */
function fold(id, away = !folded(id)) {
  pane().classList.toggle(`no-${id}`, away);
  $(`fold-${id}`).setAttribute("aria-pressed", String(!away));
  $(`bar-${id}`).setAttribute("aria-valuenow", away ? 0 : wide(id));
  if (windowed()) slide();
}

const wide = (id) => Math.round($(id).getBoundingClientRect().width);

/** Makes a pane so wide, within what leaves room for the step. */
function widen(id, pixels) {
  const [, least, most] = PANES[id], other = id === "list" ? "side" : "list";
  const room = pane().clientWidth - (innerWidth > 1100 && !folded(other) ? wide(other) : 0) - 280;
  const width = Math.round(Math.max(least, Math.min(most, room, pixels)));
  if (folded(id)) fold(id, false);
  pane().style.setProperty(`--${id}`, `${width}px`);
  $(`bar-${id}`).setAttribute("aria-valuenow", width);
}

/** The border of a pane, which can be dragged, moved by arrows, and folded. */
function border(id) {
  const [what, least, most] = PANES[id], way = id === "list" ? 1 : -1;
  const move = (event) => widen(id, id === "list" ? event.clientX - pane().getBoundingClientRect().left : pane().getBoundingClientRect().right - event.clientX);
  const node = el("div", {id: `bar-${id}`, class: "bar", role: "separator", tabindex: 0, "aria-orientation": "vertical", "aria-label": `Width of ${what}`,
    "aria-controls": id, "aria-valuemin": 0, "aria-valuemax": most, "aria-valuenow": wide(id) || least, title: "Drag, or use the arrow keys; Enter folds",
    pointerdown: (event) => { node.setPointerCapture(event.pointerId); node.addEventListener("pointermove", move); event.preventDefault(); node.focus(); },
    pointerup: () => node.removeEventListener("pointermove", move), pointercancel: () => node.removeEventListener("pointermove", move),
    dblclick: () => fold(id),
    keydown: (event) => {
      const by = {ArrowLeft: -NUDGE, ArrowRight: NUDGE}[event.key];
      if (by) widen(id, wide(id) + way * by * (event.shiftKey ? 4 : 1));
      else if (event.key === "Home") widen(id, least);
      else if (event.key === "End") widen(id, most);
      else if (event.key === "Enter") fold(id);
      else return;
      event.preventDefault();
    }});
  return node;
}

/** Puts borders between the panes, and buttons that fold them into the head of the page. */
function panes() {
  $("list").after(border("list"));
  $("side").before(border("side"));
  pane().classList.add("panes");
  $("theme").before(...Object.entries(PANES).map(([id, [what,,, letter]]) => button(id === "list" ? "◧" : "◨", () => fold(id), {id: `fold-${id}`, "aria-pressed": "true", "aria-label": `Show ${what}`, title: `Show ${what} (${letter})`})));
}

/** How the panes are laid out, and so again. */
const laid = () => Object.keys(PANES).map((id) => [id, folded(id), pane().style.getPropertyValue(`--${id}`)]);
function lay(was) {
  for (const [id, away, width] of was || []) {
    if (width) pane().style.setProperty(`--${id}`, width);
    fold(id, away);
  }
}
