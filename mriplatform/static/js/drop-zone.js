import { announce } from "./live-region.js";
import { plainName } from "./plain-name.js";
import { sentenceFor } from "./request-errors.js";

const WORDS = { stored: "Stored.", duplicate: "Already here.", quarantined: "In quarantine.", refused: "Refused." };
// Of one request, so that it stays well below what a server takes as a whole.
const MOST_BYTES = 300 * 2 ** 20;

/*
 * <drop-zone> around a plain <form enctype="multipart/form-data"> with an <input type="file" multiple>.
 * Without JavaScript the form posts as it is. With it, files can be dropped and gathered, each gets a numbered row,
 * and the form is sent in the background. `one-request` as attribute, or a checked input with `data-one-request`,
 * sends all files together; otherwise each goes alone, in order. DICOM files say themselves what they belong to, so
 * that a series of more than `most` of them goes together in several requests.
 *
 * What goes up is named by number and kind ("3.png"): the file's own name, which may name a patient, never leaves the
 * browser. The server answers JSON {entries: [{number, verdict, message, url, fragment}], url} or a problem document.
 * The verdict "waiting" says that nothing is wrong with this file: it stays in the list and goes with the next send.
 * Fires `drop:file` per entry and `drop:done` with {stored, refused}.
 */
class DropZone extends HTMLElement {
  #files = [];
  #busy = false;

  connectedCallback() {
    this.form = this.querySelector("form");
    this.input = this.form?.querySelector("input[type='file']");
    if (!this.input) return;
    this.area = this.querySelector(".drop-area") ?? this.form;
    this.list = document.createElement("ol");
    this.list.className = "drop-list";
    this.area.after(this.list);
    this.input.addEventListener("change", () => this.#gather(this.input.files, { fromInput: true }));
    this.form.addEventListener("submit", (event) => this.#submit(event));
    for (const kind of ["dragenter", "dragover"]) this.addEventListener(kind, (event) => this.#over(event, true));
    for (const kind of ["dragleave", "drop"]) this.addEventListener(kind, (event) => this.#over(event, false));
    this.addEventListener("drop", (event) => this.#gather(event.dataTransfer.files));
  }

  #over(event, inside) {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    this.area.classList.toggle("over", inside);
  }

  #gather(files, { fromInput = false } = {}) {
    if (this.#busy || !files.length) return;
    for (const file of files) this.#files.push(this.#entry(file));
    if (fromInput) this.input.value = "";
    this.input.required = false;
    announce(`${this.#files.length} ${this.#files.length === 1 ? "file" : "files"} chosen.`);
  }

  #entry(file) {
    const entry = { file, row: document.createElement("li"), state: "waiting" };
    const number = span("num dim", "");
    const name = span("name", `${file.name} `);
    name.append(span("note", size(file.size)));
    name.title = file.name;
    entry.number = number;
    entry.act = span("", "");
    entry.verdict = span("verdict", "");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "button quiet small";
    remove.textContent = "Remove";
    remove.addEventListener("click", () => this.#remove(entry));
    entry.act.append(remove);
    entry.remove = remove;
    entry.row.append(number, name, entry.act, entry.verdict);
    this.list.append(entry.row);
    this.#renumber(entry);
    return entry;
  }

  #remove(entry) {
    this.#files = this.#files.filter((other) => other !== entry);
    entry.row.remove();
    this.#renumber();
    (this.list.querySelector("button") ?? this.input).focus();
  }

  #renumber() {
    for (const [position, row] of [...this.list.children].entries())
      row.firstElementChild.textContent = String(position + 1);
  }

  async #submit(event) {
    event.preventDefault();
    const waiting = this.#files.filter((entry) => entry.state === "waiting");
    if (this.#busy) return;
    if (!waiting.length) {
      announce("Choose at least one file.");
      this.input.focus();
      return;
    }
    this.#busy = true;
    this.form.setAttribute("aria-busy", "true");
    try {
      const together = this.hasAttribute("one-request") || this.form.querySelector("[data-one-request]:checked");
      for (const batch of together ? await this.#together(waiting) : waiting.map((entry) => [entry]))
        await this.#send(batch);
    } finally {
      this.#busy = false;
      this.form.removeAttribute("aria-busy");
    }
    this.#finish(waiting);
  }

  async #together(entries) {
    const most = Number(this.getAttribute("most")) || Infinity;
    const all = entries.reduce((sum, { file }) => sum + file.size, 0);
    if (entries.length <= most && all <= MOST_BYTES) return [entries];
    const dicom = await Promise.all(entries.map((entry) => isDicom(entry.file)));
    if (!dicom.every(Boolean)) return [entries];
    const batches = [[]];
    let bytes = 0;
    for (const entry of entries) {
      bytes += entry.file.size;
      if (batches.at(-1).length && (batches.at(-1).length >= most || bytes > MOST_BYTES)) {
        batches.push([]);
        bytes = entry.file.size;
      }
      batches.at(-1).push(entry);
    }
    return batches;
  }

  async #send(batch) {
    const body = new FormData(this.form);
    body.delete(this.input.name);
    for (const entry of batch) {
      body.append(this.input.name, entry.file, plainName(entry.number.textContent, entry.file.name));
      entry.bar = document.createElement("progress");
      entry.bar.max = 1;
      entry.bar.setAttribute("aria-label", `File ${entry.number.textContent}`);
      entry.act.replaceChildren(entry.bar);
    }
    const answer = await post(this.form.action, body, (done) => {
      for (const entry of batch) done < 1 ? (entry.bar.value = done) : entry.bar.removeAttribute("value");
    });
    const entries = answer.body?.entries ?? [];
    // Without an answer it may be one of the files that is gone, not the server.
    const gone = answer.status ? [] : await Promise.all(batch.map((entry) => isGone(entry.file)));
    for (const [position, entry] of batch.entries())
      this.#judge(entry, entries[position] ?? (gone.some(Boolean) ? notSent(gone[position]) : whole(answer)), answer.body?.url);
  }

  #judge(entry, { verdict, message, url, fragment }, wholeUrl) {
    entry.state = verdict;
    entry.row.dataset.verdict = verdict;
    entry.verdict.textContent = message || WORDS[verdict] || "";
    entry.act.replaceChildren();
    if (verdict === "waiting") entry.act.append(entry.remove);
    const address = url ?? wholeUrl;
    if (address) {
      const link = document.createElement("a");
      link.href = address;
      link.textContent = "Open study";
      entry.act.append(link);
    }
    if (fragment && window.htmx) {
      const place = document.createElement("span");
      place.setAttribute("hx-get", fragment);
      place.setAttribute("hx-trigger", "load");
      place.setAttribute("hx-swap", "outerHTML");
      entry.verdict.replaceChildren(place);
      window.htmx.process(place);
    }
    this.dispatchEvent(new CustomEvent("drop:file", { bubbles: true, detail: { verdict, message, url: address } }));
  }

  #finish(entries) {
    const refused = entries.filter((entry) => entry.state === "refused").length;
    const stored = entries.filter((entry) => !["refused", "waiting"].includes(entry.state)).length;
    announce(`${stored} of ${entries.length} accepted${refused ? `, ${refused} refused` : ""}.`);
    this.dispatchEvent(new CustomEvent("drop:done", { bubbles: true, detail: { stored, refused } }));
  }
}

function whole({ status, body, text }) {
  if (status >= 200 && status < 300) return { verdict: "stored", message: body?.message };
  if (status === 0) return { verdict: "refused", message: "The server cannot be reached. The file was not sent." };
  return { verdict: "refused", message: sentenceFor(status, text) };
}

function notSent(gone) {
  if (gone) return { verdict: "refused", message: "This file cannot be read any more: it was moved, changed or deleted." };
  return { verdict: "waiting", message: "Not sent, since another file cannot be read any more. Send again." };
}

async function isGone(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return false;
  } catch {
    return true;
  }
}

/** Whether a file is DICOM, by what stands after its preamble; false for one that cannot be read any more. */
async function isDicom(file) {
  try {
    return (await file.slice(128, 132).text()) === "DICM";
  } catch {
    return false; // sending it fails too, and says so in its row
  }
}

// XMLHttpRequest, because fetch tells nothing about an upload's progress.
function post(url, body, progress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const done = () => {
      let parsed = null;
      try {
        parsed = JSON.parse(request.responseText);
      } catch {
        // An error page instead of JSON: the status alone is used.
      }
      resolve({ status: request.status, body: parsed, text: request.responseText });
    };
    request.upload.addEventListener("progress", (event) => progress(event.total ? event.loaded / event.total : 0));
    request.addEventListener("load", done);
    request.addEventListener("error", done);
    request.addEventListener("abort", done);
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  });
}

function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

function size(bytes) {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

customElements.define("drop-zone", DropZone);
