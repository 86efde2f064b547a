/*
 * What is filled in and not said yet. The server keeps it (and the claim with it); until it has, this tab does, so that
 * neither a lost network nor a session that ran out loses a note. Fires draft:kept when the server has it, and
 * draft:signed-out when it does not know us any more.
 */
import { forget, held, hold } from "../js/unsent.js";
import { writeTime } from "./active-time.js";

const PAUSE = 700; // ms after the last change
const AGAIN = 15_000; // ms until what could not be sent is tried again
const STILL_HERE = 5 * 60_000; // ms between signs of life that keep the claim
const FIELDS = ["label", "confidence", "reason", "note", "image_quality", "location", "region", "active_ms"];
const KEPT = "kept", LATER = "later", SIGNED_OUT = "signed out", REFUSED = "refused";

let current = null;

/** Keep the draft of this panel's form from now on, and put back what the last visit could not send. */
export function keepDraft(panel) {
  current?.stop();
  current = panel?.dataset.draft ? new Draft(panel) : null;
  if (panel) forget({ except: panel.dataset.reader });
}

class Draft {
  #panel;
  #timer = 0;
  #alive;
  #unsent = false;
  #said = false;

  constructor(panel) {
    this.#panel = panel;
    this.#restore();
    panel.addEventListener("input", () => this.#changed());
    panel.addEventListener("submit", () => clearTimeout(this.#timer));
    this.#alive = setInterval(() => document.visibilityState === "visible" && this.send(), STILL_HERE);
  }

  stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#alive);
  }

  isOf(panel) {
    return this.#panel === panel;
  }

  /** The page is left: what the server lacks stays in this tab, and how long the step took so far. */
  leave() {
    const values = this.#said ? null : this.#values();
    if (values) this.#hold(this.#unsent ? values : { active_ms: values.active_ms });
  }

  /** The step went through: there is nothing left to keep. */
  said() {
    this.#said = true;
    this.stop();
    this.#hold(null);
  }

  /** The step did not get through: its draft is tried again. */
  again() {
    this.#later(AGAIN);
  }

  async send() {
    clearTimeout(this.#timer);
    const values = this.#values();
    if (!values || this.#said || !this.#panel.isConnected) return;
    const { draft, step } = this.#panel.dataset;
    const outcome = await post(draft, { ...values, step });
    if (outcome === LATER || outcome === SIGNED_OUT) this.#later(AGAIN);
    if (outcome === KEPT && same(values, this.#values())) this.#release();
    if (outcome === KEPT || outcome === SIGNED_OUT) tell(outcome === KEPT ? "draft:kept" : "draft:signed-out");
  }

  #release() {
    this.#unsent = false;
    this.#hold(null);
  }

  #hold(values) {
    holdFor(this.#panel, values);
  }

  get #form() {
    return this.#panel.querySelector("form:has([name='active_ms'])");
  }

  #values() {
    const form = this.#form;
    if (!form) return null;
    writeTime(this.#panel);
    const all = new FormData(form);
    return Object.fromEntries(FIELDS.filter((name) => all.has(name)).map((name) => [name, all.get(name)]));
  }

  #changed() {
    const values = this.#values();
    if (!values) return;
    this.#unsent = true;
    this.#hold(values);
    this.#later(PAUSE);
  }

  #later(pause) {
    clearTimeout(this.#timer);
    if (!this.#said) this.#timer = setTimeout(() => this.send(), pause);
  }

  #restore() {
    const { reader, reading, step } = this.#panel.dataset;
    const found = held(reader, `${reading}:${step}`);
    const form = this.#form;
    if (!found || !form) return;
    for (const [name, value] of Object.entries(JSON.parse(found)))
      for (const field of form.querySelectorAll(`[name="${name}"]`)) {
        if (field.type === "radio") field.checked = field.value === value;
        else if (name === "active_ms") field.value = String(Math.max(Number(field.value), Number(value)));
        else field.value = value;
      }
    this.#unsent = true;
    this.#later(0);
  }
}

function holdFor({ dataset: { reader, reading, step } }, values) {
  hold(reader, `${reading}:${step}`, values && JSON.stringify(values));
}

/** Whether two drafts say the same, however long they took. */
function same(one, other) {
  const words = (values) => JSON.stringify({ ...values, active_ms: 0 });
  return words(one) === words(other);
}

function tell(name) {
  document.dispatchEvent(new CustomEvent(name));
}

async function post(address, values) {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
  try {
    const answer = await fetch(address, {
      method: "POST",
      body: new URLSearchParams(values),
      headers: { Accept: "application/json", "X-CSRFToken": token },
      credentials: "same-origin",
    });
    if (answer.status === 401) return SIGNED_OUT;
    return answer.ok ? KEPT : answer.status >= 500 ? LATER : REFUSED;
  } catch {
    return LATER;
  }
}

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  // Whatever element the event came to: the form may be gone by now.
  const { verb, elt } = detail.requestConfig ?? {};
  const ours = verb === "post" && elt?.closest?.("#panel");
  if (!ours || !current) return;
  if (!detail.successful) current.again();
  else if (current.isOf(ours)) current.said();
  else holdFor(ours, null);
});
window.addEventListener("pagehide", () => current?.leave());
window.addEventListener("online", () => current?.send());
