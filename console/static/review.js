// The review page by keyboard; without this file the form works with Tab and the space bar.
"use strict";
(() => {
  const form = document.getElementById("labels");
  const press = (name) => document.querySelector(`button[data-press="${name}"]`);
  const toggle = (name) => {
    const [yes, no] = form.querySelectorAll(`input[name="${name}"]`);
    (yes.checked ? no : yes).checked = true;
  };
  const scroll = (by) => (document.querySelector(".review article") ?? window).scrollBy({ top: by });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.code === "Enter") return;
    // The place of the key, not what an input method makes of it.
    const key = event.code.replace(/^(Key|Digit|Numpad)/, "").toLowerCase();
    if (key === "enter") {
      if (event.target.closest("a, button, summary")) return; // what has the focus is pressed
      press("Enter")?.click();
    } else if (key === "p" || key === "u") press(key)?.click();
    else if (!form) return;
    else if (key === "n") toggle("needs_answer");
    else if (key === "m") toggle("sensitive");
    else if (event.code === "ArrowDown" || event.code === "ArrowUp") {
      if (event.target.matches("input[type=radio]")) return; // moves within its group
      scroll(event.code === "ArrowDown" ? 80 : -80);
    } else {
      const box = form.querySelector(`input[data-key="${CSS.escape(key)}"]`);
      if (!box) return;
      box.checked = box.type === "radio" || !box.checked;
    }
    event.preventDefault();
  });
})();
