// One polite voice for what arrives by itself.
const PAUSE = 150; // ms between sentences: shorter, and screen readers drop the first

/** `<live-region>`: reads out, politely, what `announce()` gives it and every element with a changed `data-announce`. */
class LiveRegion extends HTMLElement {
  #waiting = [];
  #timer = 0;
  #observer = new MutationObserver((records) => this.#look(records));

  connectedCallback() {
    this.setAttribute("role", "status");
    this.setAttribute("aria-live", "polite");
    this.setAttribute("aria-atomic", "true");
    this.classList.add("visually-hidden");
    this.#observer.observe(document.body, {
      subtree: true,
      childList: true,
      attributes: true,
      attributeFilter: ["data-announce"],
    });
    document.addEventListener("announce", this.#hear);
  }

  disconnectedCallback() {
    this.#observer.disconnect();
    document.removeEventListener("announce", this.#hear);
    clearTimeout(this.#timer);
  }

  /** Read this sentence out after those already waiting. */
  say(sentence) {
    if (!sentence || this.#waiting.at(-1) === sentence) return;
    this.#waiting.push(sentence);
    this.#timer ||= setTimeout(() => this.#next(), PAUSE);
  }

  #hear = (event) => this.say(event.detail);

  #next() {
    this.textContent = this.#waiting.shift();
    this.#timer = this.#waiting.length ? setTimeout(() => this.#next(), 1500) : 0;
  }

  // A fragment swapped in with the same sentence as the one it replaced has no news.
  #look(records) {
    const gone = new Set();
    const come = new Set();
    for (const record of records) {
      if (record.type === "attributes") come.add(record.target.dataset.announce);
      for (const node of record.removedNodes) gather(node, gone);
      for (const node of record.addedNodes) gather(node, come);
    }
    for (const sentence of come) if (!gone.has(sentence)) this.say(sentence);
  }
}

function gather(node, sentences) {
  if (!(node instanceof Element)) return;
  for (const element of [node, ...node.querySelectorAll("[data-announce]")])
    if (element.dataset?.announce) sentences.add(element.dataset.announce);
}

/** Have the page's live region read a sentence out. */
export function announce(sentence) {
  document.dispatchEvent(new CustomEvent("announce", { detail: sentence }));
}

customElements.define("live-region", LiveRegion);
