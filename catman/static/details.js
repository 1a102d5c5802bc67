// The panel on one value.

import { gather } from "./answers.js";
import { send } from "./forms.js";
import { change, part } from "./http.js";

export class Details extends EventTarget {
  constructor(panel) {
    super();
    this.panel = panel;
    this.empty = panel.firstElementChild;
    this.controller = null;
    panel.addEventListener("click", (event) => this.clicked(event));
    panel.addEventListener("submit", (event) => this.submitted(event));
    panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      if (this.renaming) this.endRenaming();
      else this.tell("close");
    });
  }

  get article() {
    return this.panel.querySelector("article");
  }

  get id() {
    return this.article ? Number(this.article.dataset.id) : null;
  }

  get path() {
    return this.article.dataset.path.split(" ").map(Number);
  }

  get name() {
    return this.panel.querySelector("h2").textContent;
  }

  get renaming() {
    const form = document.getElementById("rename-form");
    return form !== null && !form.hidden;
  }

  /** Show a value. Returns once it can be read; the apps' answers follow. */
  async show(id, { focus = false } = {}) {
    this.controller?.abort();
    const controller = (this.controller = new AbortController());
    const article = await part(`/values/${id}`, {}, controller.signal);
    this.panel.replaceChildren(article);
    this.panel.scrollTop = 0;
    document.body.classList.add("has-details");
    if (focus) article.querySelector("h2").focus();
    const list = article.querySelector("[data-answers]");
    gather(list, `/values/${id}/summaries`, {}, controller.signal).catch((error) => {
      if (error.name !== "AbortError") list.textContent = error.message;
    });
  }

  clear() {
    this.controller?.abort();
    this.panel.replaceChildren(this.empty);
    document.body.classList.remove("has-details");
  }

  startRenaming() {
    const form = document.getElementById("rename-form");
    if (!form) return;
    form.hidden = false;
    form.elements.name.focus();
    form.elements.name.select();
  }

  endRenaming() {
    const form = document.getElementById("rename-form");
    form.hidden = true;
    form.reset();
    this.panel.querySelector("[data-act=rename]").focus();
  }

  clicked(event) {
    const reveal = event.target.closest("[data-reveal]");
    if (reveal) this.tell("reveal", Number(reveal.dataset.reveal));
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act === "rename") this.startRenaming();
    else if (act === "rename-cancel") this.endRenaming();
    else if (act) this.tell(act);
  }

  async submitted(event) {
    event.preventDefault();
    const form = event.target;
    const answer = await send(form, () =>
      change({ kind: "rename", value: this.id, name: form.elements.name.value }),
    );
    if (answer) this.tell("done", answer);
  }

  tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}
