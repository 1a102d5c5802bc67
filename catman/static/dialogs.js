// The dialogs: preview of a change, choice of a target, a new value.

import { gather, waitAgain } from "./answers.js";
import { send } from "./forms.js";
import { change, part } from "./http.js";
import { searchBox } from "./search.js";
import { say } from "./toast.js";

const CHANGED_MEANWHILE = 412;

const preview = document.getElementById("preview");
const picker = document.getElementById("picker");
const adding = document.getElementById("adding");

document.addEventListener("click", (event) => {
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog").close();
  // A click on the backdrop is one on the dialog itself, whose content fills it.
  else if (event.target instanceof HTMLDialogElement) event.target.close();
});

/**
 * Show what dropping *value* on *onto* (null: the top level) would do everywhere. Calls done(answer) once it was done,
 * stale() when the tree turns out to be another by now.
 */
export async function openPreview({ value, onto = null, retire = false, done, stale }) {
  const asked = { value, onto, retire, done, stale };
  const form = await part(`/values/${value}/preview`, { onto, retire: retire || null });
  preview.replaceChildren(form);
  const asking = new PreviewForm(form, asked);
  preview.addEventListener("close", () => asking.stop(), { once: true });
  if (!preview.open) preview.showModal();
  if (form.dataset.chosen) asking.ask();
  return asking;
}

class PreviewForm {
  constructor(form, asked) {
    Object.assign(this, { form, asked });
    this.fields = form.querySelector("fieldset");
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
      const { value, onto } = this.asked;
      const query = { kind: this.chosen.value, onto };
      const total = await gather(this.list, `/values/${value}/impacts`, query, controller.signal);
      this.total.replaceChildren(total);
      this.confirm.disabled = false;
    } catch (error) {
      if (error.name !== "AbortError") this.error.textContent = error.message;
    }
  }

  async send() {
    if (!this.confirm || this.confirm.disabled) return;
    this.lock(true);
    this.error.textContent = "";
    try {
      const { value, onto } = this.asked;
      const seq = this.form.dataset.journalSeq;
      const answer = await change({
        kind: this.chosen.value,
        value,
        ...(onto === null ? {} : { onto }),
        ...(seq ? { journalSeq: Number(seq) } : {}),
      });
      preview.close();
      await this.asked.done(answer);
    } catch (error) {
      if (error.status === CHANGED_MEANWHILE) return this.renew(error);
      this.error.textContent = error.message;
      this.lock(false);
      this.confirm.focus();
    }
  }

  lock(isSending) {
    this.confirm.disabled = isSending;
    if (this.fields) this.fields.disabled = isSending;
  }

  /** Show what the same would do by now. */
  async renew(refused) {
    this.stop();
    try {
      await this.asked.stale();
      const renewed = await openPreview(this.asked);
      renewed.choose(this.chosen.value);
      renewed.error.textContent = refused.message;
      renewed.form.querySelector("h2").focus();
    } catch (error) {
      preview.close();
      say(error.message);
    }
  }

  /** Take the same choice as before, where it is still one. */
  choose(kind) {
    const choice = this.form.querySelector(`[type=radio][value=${kind}]:enabled:not(:checked)`);
    choice?.click();
  }
}

/** Let the person choose where *value* goes: chosen(onto), null for the top level. */
export async function openPicker({ value, name, isRoot, chosen }) {
  picker.querySelector("h2").textContent = `Merge or move “\u2068${name}\u2069” into…`;
  Object.assign(picking, { value, chosen });
  document.getElementById("pick").value = "";
  document.getElementById("pick-top").hidden = isRoot;
  picker.showModal();
  await targets.search();
}

const picking = { value: null, chosen: null };

function pick(onto) {
  picker.close();
  picking.chosen(onto);
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
  form.reset();
  document.getElementById("adding-error").textContent = "";
  document.getElementById("adding-title").textContent = parent
    ? `Add a value below “\u2068${name}\u2069”`
    : "Add a value at the top level";
  form.onsubmit = async (event) => {
    event.preventDefault();
    const code = form.elements.code.value;
    const answer = await send(form, () =>
      change({
        kind: "create",
        name: form.elements.name.value,
        ...(code ? { code } : {}),
        ...(parent ? { onto: parent } : {}),
      }),
    );
    if (!answer) return;
    adding.close();
    await done(answer);
  };
  adding.showModal();
}
