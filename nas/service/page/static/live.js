// Keeps parts of a page as the server would render them now, without moving the focus or the scroll position.
import { $$, fetched, parsed } from "./dom.js";

// Replaces, in `root`, what differs in the same-named live parts of `fresh`.
export function patch(root, fresh) {
  const parts = (node) => $$("[data-live]", node);
  const [old, now] = [parts(root), parts(fresh)];
  if (old.length !== now.length || old.some((node, i) => node.dataset.live !== now[i].dataset.live)) return false;
  old.forEach((node, i) => { if (node.innerHTML !== now[i].innerHTML) settle(node, now[i]); });
  return true;
}

function settle(node, fresh) {
  const [bar, next] = [node.querySelector("progress"), fresh.querySelector("progress")];
  const bottom = node.scrollHeight - node.scrollTop - node.clientHeight < 8;
  // A bar that stays the same element moves; one that is replaced would jump, and be announced again.
  if (bar && next && node.children.length === fresh.children.length) {
    [...node.children].forEach((child, i) => {
      const other = fresh.children[i];
      if (child !== bar) { if (child.outerHTML !== other.outerHTML) child.innerHTML = other.innerHTML; }
      else if (next.hasAttribute("value")) bar.value = next.value;
      else bar.removeAttribute("value");
    });
  } else {
    const open = node.contains(document.activeElement);
    node.innerHTML = fresh.innerHTML;
    if (open) (node.querySelector("button, a") ?? document.getElementById("main")).focus();
  }
  if (bottom && node.tagName === "PRE") node.scrollTop = node.scrollHeight;
}

// Fetches the page at `address` and brings `root` up to it; the whole of it where its parts have changed.
export async function refresh(root, address) {
  const answer = await fetched(address);
  if (!answer) return null;
  const page = parsed(await answer.text());
  const fresh = root.id && page.getElementById(root.id) ? page.getElementById(root.id) : page.body;
  if (!sameRows(root, fresh) || !patch(root, fresh)) replace(root, fresh);
  return page;
}

function sameRows(root, fresh) {
  const ids = (node) => $$("[id]", node).map((one) => one.id).join();
  return ids(root) === ids(fresh);
}

function replace(root, fresh) {
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const open = $$("details[open] > summary", root).map((summary) => summary.closest("details").className);
  root.innerHTML = fresh.innerHTML;
  $$("details", root).forEach((fold) => { if (open.includes(fold.className)) fold.open = true; });
  if (!focused) return;
  const again = focused.id ? document.getElementById(focused.id) : $$("a, button, summary", root)
    .find((node) => node.tagName === focused.tagName && node.getAttribute("href") === focused.getAttribute("href") && node.textContent === focused.textContent);
  (again ?? document.getElementById("main")).focus({ preventScroll: true });
}

// Server-sent events; the browser connects again by itself, and says so meanwhile.
export function listen(address, handlers) {
  const source = new EventSource(address);
  const note = document.getElementById("offline");
  source.addEventListener("open", () => { note.hidden = true; });
  source.addEventListener("error", () => { if (source.readyState === EventSource.CONNECTING) setTimeout(() => { note.hidden = source.readyState !== EventSource.CONNECTING; }, 2500); });
  Object.entries(handlers).forEach(([name, handle]) => source.addEventListener(name, handle));
  addEventListener("pagehide", () => source.close());
  return source;
}
