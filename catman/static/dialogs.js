// The dialogs: preview of a change, choice of a target, a new value.

import { gather, waitAgain } from "./answers.js";
import { change, part } from "./http.js";
import { searchBox } from "./search.js";

const preview = document.getElementById("preview");
const picker = document.getElementById("picker");
const adding = document.getElementById("adding");

document.addEventListener("click", (event) => {
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog").close();
  // A click on the backdrop is one on the dialog itself, whose content fills it.
  else if (event.target instanceof HTMLDialogElement) event.target.close();
});

/** Show what dropping *value* on *onto* (null: the top level) would do everywhere; done(answer) once it was done. */
export async function openPreview({ value, onto = null, retire = false, done }) {
  const form = await part(`/values/${value}/preview`, { onto, retire: retire || null });
  preview.replaceChildren(form);
  const asking = new PreviewForm(form, value, onto, done);
  preview.addEventListener("close", () => asking.stop(), { once: true });
  if (!preview.open) preview.showModal();
  if (form.dataset.chosen) asking.ask();
}

class PreviewForm {
  constructor(form, value, onto, done) {
    Object.assign(this, { form, value, onto, done });
    this.confirm = form.querySelector("[data-confirm-button]");
    this.error = form.querySelector("[data-error]");
    this.list = form.querySelector("[data-answers]");
    this.total = form.querySelector("[data-total]");
    this.label();
    form.addEventListener("change", () => {
      this.label();
      waitAgain(this.list);
      this.ask();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  get chosen() {
    return this.form.querySelector("[name=kind]:checked") ?? this.form.querySelector("[name=kind][type=hidden]");
  }

  label() {
    if (this.confirm) this.confirm.textContent = this.chosen.dataset.confirm;
  }

  stop() {
    this.controller?.abort();
  }

  async ask() {
    this.stop();
    const controller = (this.controller = new AbortController());
    this.confirm.disabled = true;
    this.error.textContent = "";
    try {
      const query = { kind: this.chosen.value, onto: this.onto };
      const total = await gather(this.list, `/values/${this.value}/impacts`, query, controller.signal);
      this.total.replaceChildren(total);
      this.confirm.disabled = false;
    } catch (error) {
      if (error.name !== "AbortError") this.error.textContent = error.message;
    }
  }

  async send() {
    if (!this.confirm || this.confirm.disabled) return;
    this.confirm.disabled = true;
    this.error.textContent = "";
    try {
      const seq = this.form.dataset.journalSeq;
      const answer = await change({
        kind: this.chosen.value,
        value: this.value,
        ...(this.onto === null ? {} : { onto: this.onto }),
        ...(seq ? { journalSeq: Number(seq) } : {}),
      });
      preview.close();
      await this.done(answer);
    } catch (error) {
      this.error.textContent = error.message;
      this.confirm.disabled = false;
    }
  }
}

/** Let the person choose where *value* goes, then show the preview. */
export async function openPicker({ value, name, isRoot, done }) {
  picker.querySelector("h2").textContent = `Merge or move “\u2068${name}\u2069” into…`;
  picking.value = value;
  picking.done = done;
  document.getElementById("pick").value = "";
  document.getElementById("pick-top").hidden = isRoot;
  picker.showModal();
  await targets.search();
}

const picking = { value: null, done: null };

function pick(onto) {
  picker.close();
  openPreview({ value: picking.value, onto, done: picking.done });
}

const targets = searchBox(
  document.getElementById("pick"),
  document.getElementById("picks"),
  document.getElementById("picked-count"),
  { near: () => picking.value, chosen: pick },
);
document.getElementById("pick-top").addEventListener("click", () => pick(null));

/** Ask for a new value's name, below *parent* or (null) at the top level. */
export function openAdding({ parent = null, name = "", done }) {
  const form = document.getElementById("adding-form");
  const error = document.getElementById("adding-error");
  form.reset();
  error.textContent = "";
  document.getElementById("adding-title").textContent = parent
    ? `Add a value below “\u2068${name}\u2069”`
    : "Add a value at the top level";
  form.onsubmit = async (event) => {
    event.preventDefault();
    const code = form.elements.code.value;
    try {
      const answer = await change({
        kind: "create",
        name: form.elements.name.value,
        ...(code ? { code } : {}),
        ...(parent ? { onto: parent } : {}),
      });
      adding.close();
      await done(answer);
    } catch (refused) {
      error.textContent = refused.message;
    }
  };
  adding.showModal();
}
