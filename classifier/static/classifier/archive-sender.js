import { announce } from "../js/live-region.js";
import { keepNames, keptNames } from "./entry-names.js";
import { gathered, inFolder } from "./folder-files.js";
import { namesIn, zipOf } from "./zip-names.js";

const API = "/api/v1/archives";
const FLAGS = ["partial", "dry_run", "folder_labels"];
const LONGEST_PAUSE = 30_000; // ms between two tries while the server is away
const UNREADABLE = "A file cannot be read any more: it was moved, changed or deleted. Choose it again.";

/*
 * <archive-sender> around a plain form with an <input type="file" name="file">. Without JavaScript the form posts a
 * small ZIP as it is. With it, a ZIP of any allowed size, or a folder, goes up in parts through the API, goes on by
 * itself after a lost network, and after a reload once the same file is chosen again; then the archive's page opens.
 * A folder becomes a ZIP here, with numbers for names. `data-archive` and `data-size`: an archive to go on with.
 */
class ArchiveSender extends HTMLElement {
  #files = [];
  #busy = false;
  #quarter = 0;

  connectedCallback() {
    this.form = this.querySelector("form");
    this.input = this.form.querySelector("input[type='file']");
    this.area = this.form.querySelector(".drop-area");
    this.#furnish();
    this.input.addEventListener("change", () => this.#choose(gathered(this.input.files)));
    this.folder.addEventListener("change", () => this.#choose(gathered(this.folder.files)));
    this.form.addEventListener("submit", (event) => this.#submit(event));
    for (const kind of ["dragenter", "dragover"]) this.addEventListener(kind, (event) => this.#over(event, true));
    for (const kind of ["dragleave", "drop"]) this.addEventListener(kind, (event) => this.#over(event, false));
    this.addEventListener("drop", (event) =>
      inFolder(event.dataTransfer).then((files) => this.#choose(files), () => this.#fail(UNREADABLE)),
    );
    window.addEventListener("beforeunload", (event) => this.#busy && event.preventDefault());
  }

  #furnish() {
    this.folder = Object.assign(document.createElement("input"), { type: "file", webkitdirectory: true, hidden: true });
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      className: "button small",
      textContent: "Choose a folder",
    });
    button.addEventListener("click", () => this.folder.click());
    // Seen as it moves; read out only where something begins, waits or ends: more often would only be noise.
    this.said = Object.assign(document.createElement("p"), { className: "note" });
    this.bar = Object.assign(document.createElement("progress"), { hidden: true, max: 1 });
    this.bar.setAttribute("aria-label", "Sent");
    this.area.append(button, this.folder);
    this.area.after(this.said, this.bar);
  }

  #over(event, inside) {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    this.area.classList.toggle("over", inside);
  }

  #choose(files) {
    if (this.#busy || !files.length) return;
    this.#files = files;
    this.input.required = false;
    const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
    const what = this.#isZip() ? files[0].file.name : `${files.length} ${files.length === 1 ? "file" : "files"}`;
    this.#tell(`Chosen: ${what}, ${size(bytes)}.`);
  }

  #isZip() {
    return this.#files.length === 1 && /\.zip$/i.test(this.#files[0].file.name);
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#busy) return;
    if (!this.#files.length) return this.#fail("Choose a ZIP or a folder.");
    this.#busy = true;
    this.form.querySelector("[type='submit']").disabled = true;
    try {
      await this.#send();
    } catch (problem) {
      // What a browser says of a file that it cannot read is a DOMException.
      if (!(problem instanceof Refused || problem instanceof DOMException)) throw problem;
      this.#fail(problem instanceof Refused ? problem.message : UNREADABLE);
    } finally {
      this.#busy = false;
      this.form.querySelector("[type='submit']").disabled = false;
    }
  }

  async #send() {
    const { blob, names } = await this.#packed();
    const archive = await this.#begun(blob.size);
    keepNames(archive.id, names);
    announce("Sending.");
    for (const number of await this.#missing(archive)) await this.#part(archive, number, blob);
    this.#tell("Sent. The server looks at the directory.");
    this.bar.removeAttribute("value");
    try {
      await this.#ask("POST", `${archive.url}/complete`, {});
    } catch (problem) {
      throw problem instanceof Refused ? new Refused(withName(problem.message, keptNames(archive.id))) : problem;
    }
    this.#busy = false;
    window.location.assign(`/archives/${archive.id}`);
  }

  /** The one ZIP that goes up, and the names that stay here. */
  async #packed() {
    if (this.#isZip()) {
      const { file } = this.#files[0];
      return { blob: file, names: await namesIn(file) };
    }
    const most = Number(this.dataset.mostEntries);
    if (this.#files.length > most) {
      throw new Refused(`The folder has ${this.#files.length} files; at most ${most} go at once. Send a part of it.`);
    }
    const labels = this.form.elements.folder_labels?.checked ?? this.dataset.labels === "1";
    const blob = await zipOf(this.#files, (path) => (labels ? this.#classFolder(path) : ""), (done, all) =>
      this.#say(`Reading file ${done + 1} of ${all}.`),
    );
    return { blob, names: this.#files.map(({ path }) => path) };
  }

  // The server has the same rule (`canonical_label`); it is here so that no other folder's name leaves the browser.
  #classFolder(path) {
    for (const folder of path.split("/").slice(0, -1).reverse()) {
      const name = folder.trim().toLowerCase();
      const label = /^no[_ -]?tumou?r$/.test(name) ? "notumor" : name.replace(/[_ -]tumou?r$/, "");
      if (this.dataset.classes.split(" ").includes(label)) return `${label}/`;
    }
    return "";
  }

  async #begun(bytes) {
    if (bytes > Number(this.dataset.mostBytes)) {
      throw new Refused(`It has ${size(bytes)}; the limit is ${size(Number(this.dataset.mostBytes))}. Send a part of it.`);
    }
    if (this.dataset.archive) {
      if (bytes !== Number(this.dataset.size)) throw new Refused("This is another file than the one that was begun.");
      return this.#ask("GET", `${API}/${this.dataset.archive}`);
    }
    const fields = this.form.elements;
    const options = Object.fromEntries(FLAGS.map((name) => [name, fields[name]?.checked ?? false]));
    return this.#ask("POST", API, {
      ...options,
      collection: this.dataset.collection,
      size: bytes,
      dataset: fields.dataset?.value ?? "",
      subject_pseudonym: fields.pseudonym?.value ?? "",
    }, { key: randomKey() });
  }

  async #missing(archive) {
    const { missing } = await this.#ask("GET", `${archive.url}/parts`);
    return missing;
  }

  async #part(archive, number, blob) {
    const from = (number - 1) * archive.part_bytes;
    const piece = blob.slice(from, from + archive.part_bytes);
    this.bar.hidden = false;
    const progress = (share) => {
      const sent = from + share * piece.size;
      this.bar.value = sent / blob.size;
      this.#say(`Sending: ${size(sent)} of ${size(blob.size)}.`);
      this.#sayQuarter(Math.floor((4 * sent) / blob.size));
    };
    await this.#ask("PUT", `${archive.url}/parts/${number}`, piece, { progress });
  }

  #sayQuarter(quarter) {
    if (quarter > this.#quarter && quarter < 4) announce(`${25 * quarter} % sent.`);
    this.#quarter = quarter;
  }

  /** One request, repeated until the server is there again: each may be repeated without harm, with a `key` or as it is. */
  async #ask(method, url, body, { progress, key } = {}) {
    for (let pause = 1000; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      const { status, document: answer, wait } = await request(method, url, body, { progress, key, token: this.#token() });
      if (status >= 200 && status < 300) return answer;
      if (status && status !== 429 && status < 500) throw new Refused(answer?.detail ?? `The server answered ${status}.`);
      if (status === 507) throw new Refused(answer?.detail ?? "The storage is full.");
      // Without an answer it may be the file that is gone, not the server: then this throws.
      if (!status && body instanceof Blob) await body.arrayBuffer();
      this.#tell(status === 429 ? "The server asks to wait; it goes on by itself." : "The server cannot be reached; it goes on by itself.");
      await new Promise((resume) => setTimeout(resume, wait || pause));
    }
  }

  #token() {
    return this.form.elements.csrfmiddlewaretoken.value;
  }

  #say(sentence) {
    if (this.said.textContent !== sentence) this.said.textContent = sentence;
    this.said.classList.remove("harm-text");
  }

  #tell(sentence) {
    this.#say(sentence);
    announce(sentence);
  }

  #fail(sentence) {
    this.#tell(sentence);
    this.said.classList.add("harm-text");
    this.bar.hidden = true;
  }
}

class Refused extends Error {}

// Of its own making: `crypto.randomUUID` is only there on a page that came by HTTPS.
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// "Entry 3 has an unsafe path." with the name that only this browser knows.
function withName(sentence, names) {
  const number = Number(/\b[Ee]ntry (\d+)\b/.exec(sentence)?.[1]);
  return names[number - 1] ? `${sentence} Entry ${number} is “${names[number - 1]}”.` : sentence;
}

// XMLHttpRequest, because fetch tells nothing about an upload's progress.
function request(method, url, body, { progress, key, token }) {
  return new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    const done = () => {
      let parsed = null;
      try {
        parsed = JSON.parse(xhr.responseText);
      } catch {
        // Nothing, or an error page: the status alone is used.
      }
      resolve({ status: xhr.status, document: parsed, wait: 1000 * Number(xhr.getResponseHeader("Retry-After") ?? 0) });
    };
    if (progress) xhr.upload.addEventListener("progress", ({ loaded, total }) => progress(total ? loaded / total : 0));
    for (const kind of ["load", "error", "abort"]) xhr.addEventListener(kind, done);
    xhr.open(method, url);
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("X-CSRFToken", token);
    if (key) xhr.setRequestHeader("Idempotency-Key", key);
    xhr.setRequestHeader("Content-Type", body instanceof Blob ? "application/octet-stream" : "application/json");
    xhr.send(body instanceof Blob || !body ? body : JSON.stringify(body));
  });
}

function size(bytes) {
  return bytes < 2 ** 20 ? `${Math.max(1, Math.round(bytes / 1024))} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

customElements.define("archive-sender", ArchiveSender);
