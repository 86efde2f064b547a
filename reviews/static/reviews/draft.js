/*
 * What is filled in and not said yet. The server keeps it (and the claim with it); until it has, this tab does, so that
 * neither a lost network nor a session that ran out loses a note.
 */
const PAUSE = 700; // ms after the last change
const AGAIN = 15_000; // ms until what could not be sent is tried again
const STILL_HERE = 5 * 60_000; // ms between signs of life that keep the claim
const FIELDS = ["label", "confidence", "reason", "note", "region"];

let current = null;

/** Keep the draft of this panel's form from now on, and put back what the last visit could not send. */
export function keepDraft(panel) {
  current?.stop();
  current = panel?.dataset.draft ? new Draft(panel) : null;
}

class Draft {
  #panel;
  #place;
  #timer = 0;
  #alive;

  constructor(panel) {
    this.#panel = panel;
    this.#place = `draft:${panel.dataset.reading}:${panel.dataset.step}`;
    this.#restore();
    panel.addEventListener("input", () => this.#changed());
    panel.addEventListener("submit", () => clearTimeout(this.#timer));
    this.#alive = setInterval(() => document.visibilityState === "visible" && this.#send(), STILL_HERE);
  }

  stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#alive);
  }

  get #form() {
    return this.#panel.querySelector("form:has([name='label']), form:has([name='note'])");
  }

  #values() {
    const form = this.#form;
    if (!form) return null;
    const all = new FormData(form);
    return Object.fromEntries(FIELDS.filter((name) => all.has(name)).map((name) => [name, all.get(name)]));
  }

  #changed() {
    const values = this.#values();
    if (!values) return;
    hold(this.#place, JSON.stringify(values));
    this.#later(PAUSE);
  }

  #later(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), pause);
  }

  async #send() {
    const values = this.#values();
    if (!values || !this.#panel.isConnected) return;
    const sent = JSON.stringify(values);
    const { draft, step } = this.#panel.dataset;
    const kept = await post(draft, { ...values, step });
    if (kept === null) this.#later(AGAIN);
    else if (kept && held(this.#place) === sent) hold(this.#place, null);
  }

  #restore() {
    const found = held(this.#place);
    const form = this.#form;
    if (!found || !form) return;
    for (const [name, value] of Object.entries(JSON.parse(found)))
      for (const field of form.querySelectorAll(`[name="${name}"]`)) {
        if (field.type === "radio") field.checked = field.value === value;
        else if (field.type !== "hidden" || name === "region") field.value = value;
      }
    this.#later(0);
  }
}

/** Whether the server took it; null where it cannot be reached or does not know us any more, so that it is tried again. */
async function post(address, values) {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
  try {
    const answer = await fetch(address, {
      method: "POST",
      body: new URLSearchParams(values),
      headers: { Accept: "application/json", "X-CSRFToken": token },
      credentials: "same-origin",
    });
    return answer.ok ? true : answer.status === 401 || answer.status >= 500 ? null : false;
  } catch {
    return null;
  }
}

function held(place) {
  try {
    return sessionStorage.getItem(place);
  } catch {
    return null;
  }
}

// Of this tab only, and gone with it: a note may say more than should stay in a browser.
function hold(place, value) {
  try {
    if (value === null) sessionStorage.removeItem(place);
    else sessionStorage.setItem(place, value);
  } catch {
    // Storage may be closed to us; then the server's copy is the only one.
  }
}
