import { buildHud, buildPanel, buildStage, buildTools, showState } from "./chrome.js";
import { connect } from "./hands.js";
import { loader } from "./loading.js";
import { MapLayer } from "./map-layer.js";
import { MapState } from "./map-state.js";
import { Picture } from "./picture.js";
import { RegionTool } from "./region-tool.js";
import { announceLast } from "./saying.js";
import { Stack } from "./stack.js";

/** What an `<mri-viewer>` is made of and how it loads and draws; what one can do with it is in mri-viewer.js. */
export class ViewerElement extends HTMLElement {
  static observedAttributes = ["src", "index", "count", "regions"];

  picture = null;
  map = new MapState();
  panning = false;
  say = announceLast();
  #layer = new MapLayer();
  #frame = 0;
  #load = 0;

  connectedCallback() {
    if (!this.stage) this.#build();
    this.sizes ??= new ResizeObserver(() => this.#resize());
    this.sizes.observe(this.stage);
    if (!this.#load) this.#open();
  }

  disconnectedCallback() {
    this.sizes.disconnect();
    this.say(null);
  }

  attributeChangedCallback(name, before, after) {
    if (!this.stage || before === after) return;
    if (name === "src") this.#open();
    else showState(this, this.map);
  }

  #build() {
    this.stage = buildStage(this.getAttribute("label") ?? this.querySelector("img")?.alt ?? "Brain MRI");
    this.canvas = this.stage.querySelector("canvas");
    this.panel = buildPanel();
    this.tools = buildTools();
    this.tools.hidden = this.hasAttribute("no-tools");
    this.notes = { tr: buildHud("tr"), bl: buildHud("bl"), br: buildHud("br") };
    this.append(this.stage, ...Object.values(this.notes), this.panel, this.tools);
    this.map.look = this.getAttribute("colours");
    this.stack = new Stack(this, loader);
    this.marker = new RegionTool({
      changed: () => this.changed(),
      told: (region) => this.fire("viewer:region", { region }),
      say: this.say,
    });
    connect(this, this);
    const source = document.getElementById(this.dataset.maps ?? "")?.textContent.trim();
    this.maps = source ? JSON.parse(source) : null;
  }

  // --- Loading ---------------------------------------------------------------------------------------------------

  #open() {
    const load = (this.#load += 1);
    if (this.picture) this.dataset.state = "loading";
    else delete this.dataset.state;
    this.ready = loader.pixels(this.getAttribute("src"), { keep: this.stack.many }).then(
      (pixels) => load === this.#load && this.#show(pixels),
      (error) => load === this.#load && this.#fail(error),
    );
  }

  #show(pixels) {
    const [center, width] = [this.number("window-center"), this.number("window-width")];
    const stored = center !== null && width !== null && width >= 1 ? { center, width } : null;
    const before = this.picture;
    this.picture = new Picture(pixels, { stored, aspect: this.number("pixel-aspect") ?? 1 });
    this.stack.shown = this.stack.at;
    if (before && this.stack.many) this.picture.follow(before);
    this.panel.querySelector("[data-preset='default']").hidden = !stored;
    this.dataset.state = "ready";
    this.#resize();
    this.changed("viewer:window", this.window);
    this.fire("viewer:ready", { width: pixels.width, height: pixels.height, bits: pixels.bits });
    this.stack.fetchAround();
  }

  // The plain image stays in place: the reader still sees something, and learns why it cannot be windowed.
  #fail(error) {
    this.picture = null;
    this.dataset.state = "failed";
    const plain = this.querySelector(":scope > img");
    if (plain && this.stack.many) plain.src = this.getAttribute("src");
    this.changed();
    this.notes.tr.textContent = error.message;
    this.say(error.message);
    this.fire("viewer:error", { message: error.message });
  }

  number(name) {
    const value = Number.parseFloat(this.getAttribute(name) ?? "");
    return Number.isFinite(value) ? value : null;
  }

  // --- What follows from a change --------------------------------------------------------------------------------

  changed(event, detail) {
    showState(this, this.map);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
    if (event) this.fire(event, detail);
  }

  fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  #resize() {
    if (!this.stage.clientWidth) return;
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.stage.clientWidth * scale);
    this.canvas.height = Math.round(this.stage.clientHeight * scale);
    this.picture?.view.resize(this.stage.clientWidth, this.stage.clientHeight);
    showState(this, this.map);
    this.#draw();
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.picture) return;
    context.scale(this.canvas.width / this.stage.clientWidth, this.canvas.height / this.stage.clientHeight);
    this.picture.draw(context);
    if (this.stack.away) return;
    if (this.map.visible) this.#drawMap(context);
    this.marker.draw(context, this.place);
  }

  #drawMap(context) {
    const { field, cls, against, colours, opacity, grid } = this.map;
    const place = this.picture.place(this.maps.box ?? this.picture.whole);
    this.#layer.draw(context, { field, key: `${this.#load}|${cls}|${against}`, colours, opacity, grid }, place);
  }
}
