// Runs before the page is drawn: the chosen theme, so that nothing flashes, and the sign that scripts work.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripted");
  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  try { theme = localStorage.getItem("nas-theme") ?? "auto"; } catch { /* a browser that keeps nothing */ }
  const show = (button) => {
    root.dataset.theme = theme;
    if (button) button.textContent = `Theme: ${theme}`;
  };
  show(null);
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    show(button);
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % 3];
      try { localStorage.setItem("nas-theme", theme); } catch { /* it lasts until the page is left */ }
      show(button);
      dispatchEvent(new Event("themechange"));
    });
  });
})();
