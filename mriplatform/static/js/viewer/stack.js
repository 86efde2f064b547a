/*
 * The images of one study behind each other. One of them may be home: the one that is being read, to which the map and
 * the region belong. The others are only looked at: their pixels are fetched, and nothing else.
 */
const AHEAD = 2; // images to either side that are fetched before they are asked for

export class Stack {
  slices = [];
  home = null; // where none of them is being read, none is home
  at = 0;
  shown = 0; // behind `at` while an image is loading

  /** @param {import("./mri-viewer.js").MriViewer} viewer @param {{prefetch(source: string): void}} loader */
  constructor(viewer, loader) {
    this.viewer = viewer;
    this.loader = loader;
    const source = document.getElementById(viewer.dataset.slices ?? "")?.textContent.trim();
    if (source) this.slices = JSON.parse(source);
    const current = this.slices.findIndex((slice) => slice.current);
    this.home = current < 0 ? null : current;
    this.at = this.shown = Math.max(0, current);
  }

  get many() {
    return this.slices.length > 1;
  }

  get away() {
    return this.home !== null && (this.at !== this.home || this.shown !== this.home);
  }

  get detail() {
    return { index: this.slices[this.at]?.index ?? 1, count: this.slices.length, home: this.at === this.home };
  }

  /** Whether the viewer went to another image. */
  to(wanted) {
    const at = Math.min(this.slices.length - 1, Math.max(0, wanted));
    if (!this.many || at === this.at) return false;
    this.at = at;
    const { src, index, center, width } = this.slices[at];
    for (const [name, value] of [["window-center", center], ["window-width", width], ["index", index], ["src", src]])
      if (value === null || value === undefined) this.viewer.removeAttribute(name);
      else this.viewer.setAttribute(name, String(value));
    return true;
  }

  fetchAround() {
    for (let step = 1; step <= AHEAD; step += 1)
      for (const at of [this.at + step, this.at - step])
        if (this.slices[at]) this.loader.prefetch(this.slices[at].src);
  }

  /** What stands at the image's corner while another image than the one being read is shown. */
  get note() {
    if (!this.away) return "";
    return `only looked at · you are reading image ${this.slices[this.home].index}`;
  }
}
