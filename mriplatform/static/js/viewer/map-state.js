/* Which map is chosen and how it looks. Off until someone asks for it. */
import { COLOURS } from "./colours.js";
import { classField, contrastField, readMaps } from "./saliency.js";

const CAPTION = "where the model looked, not where the tumour is";

export class MapState {
  #field = null;
  #fieldKey = null;

  constructor() {
    Object.assign(this, { maps: null, visible: false, cls: null, against: null });
    Object.assign(this, { opacity: 0.55, colours: "inferno", grid: false });
  }

  /** Take what the server sent, or null; the map is off again. */
  read(given) {
    this.maps = given ? readMaps(given) : null;
    this.#fieldKey = null;
    Object.assign(this, { visible: false, cls: this.maps?.top ?? null, against: null });
  }

  has(name) {
    return this.maps?.classes.includes(name) ?? false;
  }

  choose(name, against = null) {
    this.cls = name;
    this.against = against !== name && this.has(against) ? against : null;
  }

  set look(name) {
    if (COLOURS.includes(name)) this.colours = name;
  }

  /** The chosen field, or null where there are no maps or nothing in them stands out. */
  get field() {
    if (!this.maps) return null;
    const key = `${this.cls}|${this.against}`;
    if (key !== this.#fieldKey)
      this.#field = this.against ? contrastField(this.maps, this.cls, this.against) : classField(this.maps, this.cls);
    this.#fieldKey = key;
    return this.#field;
  }

  get empty() {
    return this.maps !== null && this.field === null;
  }

  get title() {
    const name = this.maps?.names[this.cls] ?? "";
    return this.against ? `${name} rather than ${this.maps.names[this.against]}` : name;
  }

  /** What stands at the image's corner and is read out. */
  get caption() {
    if (this.empty) return `map: ${this.title} · empty: nothing in the image spoke for it`;
    return `map: ${this.title} · ${CAPTION}`;
  }

  get detail() {
    const { visible, cls, against, opacity, colours, grid, empty } = this;
    return { visible, cls, against, opacity, colours, grid, empty };
  }
}
