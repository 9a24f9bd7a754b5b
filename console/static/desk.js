// Progressive enhancement only: every page works without this file.
"use strict";
(() => {
  // One press, one request.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  // "/" puts the cursor into the search box, as people expect.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "")) return;
    const box = document.querySelector("input[type=search]");
    if (box) { event.preventDefault(); box.focus(); box.select(); }
  });
  // On a narrow screen the current page's name is brought into view in the navigation.
  const current = document.querySelector(".rail nav [aria-current]");
  const list = current?.closest("ul");
  if (list && list.scrollWidth > list.clientWidth) list.scrollLeft = current.offsetLeft - 24;
  // A page that lies open on a duty desk stays true: reload when it comes back into view after five minutes.
  const opened = Date.now();
  document.addEventListener("visibilitychange", () => {
    const typing = document.querySelector("textarea:focus, details[open] textarea");
    if (!document.hidden && Date.now() - opened > 300000 && document.body.querySelector("[data-live]") && !typing) location.reload();
  });
})();
