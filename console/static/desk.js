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
  // "/" leads to the search box, as people expect.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "")) return;
    event.preventDefault();
    const box = document.querySelector("input[type=search]");
    if (box) { box.focus(); box.select(); } else location.href = "/search";
  });
  // On a narrow screen the current page's name is brought into view in the navigation.
  const current = document.querySelector(".rail nav [aria-current]");
  const list = current?.closest("ul");
  if (list && list.scrollWidth > list.clientWidth) list.scrollLeft = current.offsetLeft - 24;

  // Clocks go on while the page lies open. They follow the desk's time, not this computer's; words as in console/words.py.
  const opened = Date.now();
  const ahead = Number(document.body.dataset.now) * 1000 - opened;
  const span = (seconds) => {
    const minutes = Math.floor(Math.abs(seconds) / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    if (days) return hours % 24 && days < 30 ? `${days} 天 ${hours % 24} 小时` : `${days} 天`;
    if (hours) return minutes % 60 ? `${hours} 小时 ${minutes % 60} 分` : `${hours} 小时`;
    return minutes ? `${minutes} 分钟` : "不到 1 分钟";
  };
  const tick = () => {
    for (const clock of document.querySelectorAll("time[data-due]")) {
      const left = Number(clock.dataset.due) - (Date.now() + ahead) / 1000;
      clock.textContent = left > 0 ? `还剩 ${span(left)}` : `超时 ${span(left)}`;
      if (left <= 0) clock.closest(".due, .clock")?.classList.add("over");
    }
  };
  // A page on a duty desk stays true: it is read again after five minutes, unless somebody is writing.
  const writing = () => document.activeElement?.matches("input, textarea, select")
    || [...document.querySelectorAll("textarea")].some((box) => box.value);
  const refresh = () => {
    if (!document.hidden && Date.now() - opened > 300000 && document.querySelector("[data-live]") && !writing()) location.reload();
  };
  setInterval(() => { tick(); refresh(); }, 20000);
  document.addEventListener("visibilitychange", () => { tick(); refresh(); });
})();
