async function start() {
  performance.mark("tracefork-start");
  const was = live ? null : history.state;
  if (was) history.replaceState(null, "", location.href);
  if (was && was.theme) root.dataset.theme = was.theme;
  index = await block("index");
  document.querySelector(".tools").hidden = false;
  lanes();
  orders();
  errors();
  panes();
  rows.push(...$("steps").querySelectorAll("li[id]"));
  if (rows.length < index.own) list(); else shown = [...rows.keys()];
  listen();
  if (live) grow();
  else {
    if (!index.steps.length) card0.append(el("p", {class: "sub"}, "No step was recorded."), ...index.asides.map((one) => aside(...one.slice(1))));
    await route();
  }
  if (was) await resume(was);
  if (!live) warm(0);
  root.dataset.ready = "yes";
  performance.mark("tracefork-ready");
}

start().catch((error) => {
  const why = typeof DecompressionStream === "undefined" ? "this browser cannot inflate gzip (DecompressionStream)" : error.message;
  $("detail").replaceChildren(el("p", {class: "notice", role: "alert"}, `The steps can be listed, but not opened: ${why}.`));
});
