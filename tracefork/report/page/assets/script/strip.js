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

function pick(event) {
  const box = document.querySelector("#strip svg").getBoundingClientRect(), place = (event.clientX - box.left) / box.width;
  let best = 0;
  for (let n = 1; n < index.own; n++) if (Math.abs(middle(n) - place) < Math.abs(middle(best) - place)) best = n;
  go(best, true);
}
