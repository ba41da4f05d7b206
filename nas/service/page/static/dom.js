// Small helpers that every page's script shares.
export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
export const known = (value) => value !== null && value !== undefined;
export const data = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");

// Elements are made by name and filled by text, never from strings: a name or an id cannot become markup.
export function el(tag, attributes = {}, parent = null, text = null) {
  const node = document.createElement(tag);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  if (text !== null) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

export const number = (value, digits) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function shown(column, value) {
  if (!known(value)) return "–";
  return number(value / column.scale, column.digits) + (column.unit ? ` ${column.unit}` : "");
}

// A page of our own server, escaped by its templates; null where it cannot be had now.
export async function fetched(address, options = {}) {
  try {
    const answer = await fetch(address, options);
    document.getElementById("offline").hidden = true;
    if (answer.status === 401) location.reload();
    // Read to the end here, where giving up a request is no error.
    const text = await answer.text();
    return answer.ok ? new Response(text, { headers: answer.headers }) : null;
  } catch (error) {
    if (error.name !== "AbortError") document.getElementById("offline").hidden = false;
    return null;
  }
}

export function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

// Runs `work` soon, and never more often than every `pause` milliseconds; not at all while nobody looks.
export function calmly(work, pause) {
  let [timer, last, wanted] = [null, 0, false];
  const now = async () => {
    timer = null;
    if (document.hidden) { wanted = true; return; }
    last = Date.now();
    await work();
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted) { wanted = false; now(); } });
  return () => { timer ??= setTimeout(now, Math.max(0, last + pause - Date.now())); };
}

export function setUpCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const code = button.closest(".code").querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
}

// Some files are made when they are first asked for, which takes seconds: say so meanwhile, and what went wrong.
export function setUpDownloads() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-made]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.getAttribute("aria-busy") === "true") return;
    const [label, note] = [link.textContent, link.closest(".card").querySelector("[data-download-error]")];
    note.textContent = "";
    link.setAttribute("aria-busy", "true");
    link.textContent = `Making ${label}…`;
    try { await save(link.href); } catch (error) { note.textContent = error.message; }
    link.removeAttribute("aria-busy");
    link.textContent = label;
  });
}

async function save(address) {
  const answer = await fetch(address).catch(() => { throw new Error("The connection to the server is lost; try again."); });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `The server answered ${answer.status}.`);
  const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? address.split("/").pop();
  const url = URL.createObjectURL(await answer.blob());
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

export function setUpConfirming() {
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });
}
