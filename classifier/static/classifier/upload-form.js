/*
 * <upload-form> around a <drop-zone>: when everything that was sent ended up in one study, goes there.
 * Several studies, or a refusal among them, stay on the page, each with its verdict and a link.
 */
class UploadForm extends HTMLElement {
  #addresses = new Set();
  #refused = 0;

  connectedCallback() {
    this.addEventListener("drop:file", ({ detail }) => {
      if (detail.verdict === "refused") this.#refused += 1;
      else if (detail.url) this.#addresses.add(detail.url);
    });
    this.addEventListener("drop:done", () => this.#done());
  }

  #done() {
    const [address, ...others] = this.#addresses;
    if (address && !others.length && !this.#refused) window.location.assign(address);
    this.#refused = 0;
  }
}

customElements.define("upload-form", UploadForm);
