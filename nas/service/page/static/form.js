// The form: as one types, the server says the command line, what the budget means, and what is wrong at which field.
import { $, $$, fetched, setUpCopying } from "./dom.js";

const form = $("#ask");
const command = $(".ask-side code");
const touched = new Set($$("[data-error]", form).filter((node) => node.textContent).map((node) => node.dataset.error));
let [timer, asked] = [null, null];

async function preview(check) {
  asked?.abort();
  asked = new AbortController();
  const body = new URLSearchParams(new FormData(form));
  if (check) body.set("check", "1");
  const answer = await fetched("/new/preview", { method: "POST", body, signal: asked.signal });
  if (!answer) return;
  const said = await answer.json();
  if (said.command !== null) command.textContent = said.command;
  command.classList.toggle("stale", said.command === null);
  showErrors(said.errors, check);
  if (check) $("#means").innerHTML = said.means; // rendered and escaped by the service's own template
  else if (said.command !== null) timer = setTimeout(() => preview(true), 600);
}

// A field that nobody has been to yet is not wrong, it is empty.
function showErrors(errors, checked) {
  $$("[data-error]", form).forEach((node) => {
    const name = node.dataset.error;
    const text = errors[name] ?? "";
    const shown = text && (touched.has(name) || (checked && name !== "") || (name === "" && touched.size)) ? text : "";
    if (node.textContent !== shown) node.textContent = shown;
    const field = node.closest("[data-field]");
    if (!field) return;
    field.classList.toggle("wrong", Boolean(shown));
    field.querySelector("input, select, textarea")?.toggleAttribute("aria-invalid", Boolean(shown));
    if (shown) field.closest("details")?.setAttribute("open", "");
  });
}

form.addEventListener("input", (event) => {
  clearTimeout(timer);
  touched.delete("");
  timer = setTimeout(() => preview(false), event.target.type === "text" ? 250 : 0);
});
form.addEventListener("change", (event) => { touched.add(event.target.name); clearTimeout(timer); timer = setTimeout(() => preview(false), 0); });
form.addEventListener("submit", () => {
  const button = $("button[type=submit]", form);
  // After the browser has taken the form's data; again enabled where one comes back to this page.
  setTimeout(() => { button.disabled = true; button.textContent = "Starting…"; }, 0);
  addEventListener("pageshow", (shown) => { if (shown.persisted) location.reload(); });
});
$("[aria-invalid]", form)?.focus();
setUpCopying();
preview(false);
