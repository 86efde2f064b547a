/*
 * <linked-viewers> around two or more `<mri-viewer>`s of the same image: window, inversion, zoom and place follow each
 * other, and so does the map. A class that somebody chooses is chosen everywhere; until then each shows its own first.
 */
class LinkedViewers extends HTMLElement {
  #leading = null;
  #chosen = new WeakMap();

  connectedCallback() {
    const follow = { "viewer:window": window_, "viewer:view": view, "viewer:map": (...both) => this.#map(...both) };
    for (const [name, act] of Object.entries(follow)) this.addEventListener(name, (event) => this.#lead(event.target, act));
  }

  // A viewer without a stage is not built yet. What the others do to follow makes events of its own, which lead nobody.
  #lead(leader, act) {
    if (this.#leading) return;
    this.#leading = leader;
    const viewers = [...this.querySelectorAll("mri-viewer")].filter((viewer) => viewer.stage);
    try {
      for (const other of viewers) if (other !== leader) act(leader, other);
    } finally {
      this.#leading = null;
    }
    for (const viewer of viewers) this.#chosen.set(viewer, choice(viewer));
  }

  #map(leader, other) {
    const { visible, cls, against, opacity, colours, grid } = leader.mapState;
    const before = this.#chosen.get(leader);
    if (before !== undefined && before !== choice(leader)) other.setContrast(cls, against);
    if (other.mapState.opacity !== opacity) other.setOpacity(opacity);
    if (other.mapState.colours !== colours) other.setColours(colours);
    if (other.mapState.grid !== grid) other.setGrid(grid);
    if (other.mapState.visible !== visible) other.toggleMap(visible);
  }
}

const choice = (viewer) => (viewer.maps ? `${viewer.mapState.cls}|${viewer.mapState.against}` : undefined);

const window_ = (leader, other) => {
  const { center, width } = leader.window;
  if (other.window.center !== center || other.window.width !== width) other.setWindow(center, width);
  if (other.pixels && other.view.inverted !== leader.view.inverted) other.invert(leader.view.inverted);
};

const view = (leader, other) => {
  if (!other.pixels) return;
  const wanted = leader.view;
  if (wanted.fitted) {
    if (!other.view.fitted) other.fit();
    return;
  }
  other.zoomBy(wanted.zoom / other.view.zoom);
  const { x, y, zoom } = other.view;
  const aspect = Number(other.getAttribute("pixel-aspect") ?? 1);
  other.panBy((x - wanted.x) * zoom, (y - wanted.y) * zoom * aspect);
};

customElements.define("linked-viewers", LinkedViewers);
