/*
 * Mouse, pen and fingers: drag sets the window (or moves the image, in pan mode, with the space bar or the middle
 * button; or marks a region, where that tool is taken up), the wheel zooms or turns the images of a study over, two
 * fingers zoom and move.
 */
const TURN = 60; // pixels of wheel for one image

/**
 * @param {HTMLElement} stage
 * @param {{windowBy(dx: number, dy: number): void, panBy(dx: number, dy: number): void,
 *   zoomBy(factor: number, x: number, y: number): void, panning(): boolean, wheelTaken(): boolean, stacked(): boolean,
 *   turnBy(images: number): void, probe(x: number | null, y?: number): void,
 *   marking: {on(): boolean, begin(x: number, y: number): void, drag(x: number, y: number): void, end(): void,
 *   cancel(): void}}} acts all in CSS pixels of the stage
 */
export function followPointers(stage, acts) {
  const down = new Map();
  let space = false;
  let turned = 0;

  stage.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    space = true;
    event.preventDefault();
    stage.classList.add("moving");
  });
  const release = () => {
    space = false;
    stage.classList.remove("moving");
  };
  stage.addEventListener("keyup", (event) => event.key === " " && release());
  stage.addEventListener("blur", release);

  stage.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    if (event.button === 1) event.preventDefault();
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    const move = event.button === 1 || space || acts.panning();
    const mark = !move && down.size === 0 && acts.marking.on();
    if (down.size) unmark();
    down.set(event.pointerId, { x: event.clientX, y: event.clientY, move, mark });
    if (mark) acts.marking.begin(...within(event));
  });

  const within = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  // A second finger means to zoom: what the first began to mark was not meant.
  function unmark() {
    for (const pointer of down.values()) {
      if (pointer.mark) acts.marking.cancel();
      pointer.mark = false;
    }
  }

  stage.addEventListener("pointermove", (event) => {
    const box = stage.getBoundingClientRect();
    acts.probe(event.clientX - box.left, event.clientY - box.top);
    const last = down.get(event.pointerId);
    if (!last) return;
    const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
    if (down.size === 2) pinch(event, box, dx, dy);
    else if (last.mark) acts.marking.drag(...within(event));
    else if (last.move) acts.panBy(dx, dy);
    else acts.windowBy(dx, dy);
    Object.assign(last, { x: event.clientX, y: event.clientY });
  });

  // Each finger moves the image by half its way and scales it by how the distance between both changed.
  function pinch(event, box, dx, dy) {
    const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const mine = down.get(event.pointerId);
    const before = Math.hypot(mine.x - other.x, mine.y - other.y);
    const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    acts.panBy(dx / 2, dy / 2);
    if (before > 0 && after > 0)
      acts.zoomBy(after / before, (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
  }

  for (const kind of ["pointerup", "pointercancel"])
    stage.addEventListener(kind, (event) => {
      if (kind === "pointercancel") unmark();
      else if (down.get(event.pointerId)?.mark) acts.marking.end();
      down.delete(event.pointerId);
    });
  stage.addEventListener("pointerleave", () => acts.probe(null));

  stage.addEventListener(
    "wheel",
    (event) => {
      // With Ctrl the wheel is the browser's own zoom.
      if (event.ctrlKey || event.metaKey || !acts.wheelTaken()) return;
      event.preventDefault();
      const box = stage.getBoundingClientRect();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      // Some browsers turn the wheel sideways while Shift is held.
      const amount = Math.max(-120, Math.min(120, (event.deltaY || event.deltaX) * lines));
      if (acts.stacked() && !event.shiftKey) turn(amount);
      else acts.zoomBy(Math.exp(-amount * 0.0018), event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );

  // One notch of a wheel is one image; a touch pad's many small steps add up to one.
  function turn(amount) {
    turned = Math.sign(turned) === Math.sign(amount) ? turned + amount : amount;
    if (Math.abs(turned) < TURN) return;
    acts.turnBy(Math.sign(turned));
    turned = 0;
  }
}
