import { el } from "../js/viewer/chrome.js";

/**
 * `<earlier-studies>` around a `<details>` with links to the images of the subject's earlier studies, which works
 * without it. Opened, it shows the chosen one in a viewer of its own beside the image being read. Nothing is fetched
 * before that.
 */
class EarlierStudies extends HTMLElement {
  connectedCallback() {
    this.details = this.querySelector("details");
    this.details.addEventListener("toggle", () => this.details.open && this.#open());
  }

  #open() {
    if (this.choice) return;
    const studies = [...this.details.querySelectorAll("[data-slices]")];
    const options = studies.map((study) => el("option", { value: study.dataset.slices }, study.dataset.words));
    this.choice = el("select", { "aria-label": "Earlier study" }, ...options);
    this.choice.addEventListener("change", () => this.#show());
    this.details.querySelector(".earlier-list").replaceWith(el("div", { class: "earlier-choice" }, this.choice));
    this.#show();
  }

  #show() {
    const slices = JSON.parse(document.getElementById(this.choice.value).textContent);
    const { src, center, width } = slices[0];
    const words = this.choice.selectedOptions[0].textContent;
    const viewer = el("mri-viewer", {
      src, index: "1", count: String(slices.length), wheel: "always", "data-slices": this.choice.value, label: words,
      "window-center": center, "window-width": width,
    });
    viewer.append(el("p", { "data-hud": "tl" }, `Earlier · ${words}`));
    this.querySelector("mri-viewer")?.remove();
    this.details.append(viewer);
  }
}

customElements.define("earlier-studies", EarlierStudies);
