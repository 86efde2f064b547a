import { announce } from "./live-region.js";

/**
 * `<toast-undo seconds="10">`: a sentence, `.count`, and a form whose button takes the step back.
 * Counts down and goes away; the server decides what may still be undone. Fires `undo:expired`.
 */
class ToastUndo extends HTMLElement {
  #timer = 0;
  #deadline = 0;

  connectedCallback() {
    const seconds = Number(this.getAttribute("seconds")) || 10;
    this.#deadline = performance.now() + seconds * 1000;
    this.#timer = setInterval(() => this.#tick(), 250);
    this.#tick();
    announce(`${this.querySelector("p")?.textContent.trim() ?? ""} Undo is possible for ${seconds} seconds.`);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  #tick() {
    const left = Math.ceil((this.#deadline - performance.now()) / 1000);
    if (left > 0) {
      const count = this.querySelector(".count");
      if (count) count.textContent = `${left} s`;
      return;
    }
    clearInterval(this.#timer);
    this.dispatchEvent(new CustomEvent("undo:expired", { bubbles: true }));
    if (this.contains(document.activeElement)) document.getElementById("main")?.focus();
    this.remove();
  }
}

customElements.define("toast-undo", ToastUndo);

/** Show a plain sentence for a few seconds; `harm` keeps it until dismissed, `link` leads on: {words, href}. */
export function toast(sentence, { harm = false, seconds = 6, link = null } = {}) {
  const box = document.createElement("div");
  box.className = harm ? "toast harm" : "toast";
  box.setAttribute("role", harm ? "alert" : "status");
  const text = document.createElement("p");
  text.textContent = sentence;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet small";
  close.textContent = "Close";
  close.addEventListener("click", () => box.remove());
  box.append(text, ...(link ? [way(link)] : []), close);
  document.getElementById("toasts")?.append(box);
  if (!harm) setTimeout(() => box.remove(), seconds * 1000);
  return box;
}

function way({ words, href }) {
  const link = document.createElement("a");
  link.className = "button small";
  link.href = href;
  link.textContent = words;
  return link;
}
