/*
 * <mask-editor> around a picture (.mask-frame > img) and a list of inputs named "mask", each "left, top, width, height"
 * in pixels of the image. Without JavaScript the numbers are typed. With it each of them is a rectangle on the picture:
 * drawn by dragging, moved and sized by pointer or by keys; and the picture is shown in its window, 16 bit too.
 */
import { announceLast } from "./viewer/saying.js";
import { greyTable, histogram, presets } from "./viewer/grey.js";
import { decodePng } from "./viewer/png.js";

const GRIP = 14; // CSS pixels around the lower right corner that size a rectangle
const LEAST = 3; // pixels of the image: a shorter drag meant no rectangle
const FIRST = 0.2; // share of the image that a rectangle made by key has
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOMS = [["fit", "Fit"], ["1", "100 %"], ["2", "200 %"], ["4", "400 %"]];
const KEYS = "Arrow keys move a rectangle, Shift and arrow keys size it, Delete removes it.";

const within = (value, least, most) => Math.min(most, Math.max(least, Math.round(value)));

class MaskEditor extends HTMLElement {
  #say = announceLast();
  #drag = null;

  connectedCallback() {
    this.list = this.querySelector(".mask-list ol");
    this.frame = this.querySelector(".mask-frame");
    if (!this.list || this.stage) return;
    [this.width, this.height] = [Number(this.dataset.width), Number(this.dataset.height)];
    this.#buildStage();
    this.#buildTools();
    // The empty lines are for those who type; here a line comes with its rectangle. One that says something that is no
    // rectangle stays, to be put right: without it the image could go in with what it should have covered.
    for (const input of this.inputs) if (!input.value.trim()) input.closest("li").remove();
    this.list.addEventListener("input", () => this.#number());
    this.#number();
    this.#show();
  }

  get inputs() {
    return [...this.list.querySelectorAll("input[name='mask']")];
  }

  // --- The picture -----------------------------------------------------------------------------------------------

  #buildStage() {
    this.stage = document.createElement("div");
    this.stage.className = "mask-stage";
    this.canvas = document.createElement("canvas");
    [this.canvas.width, this.canvas.height] = [this.width, this.height];
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", this.querySelector("img").alt);
    this.canvas.hidden = true;
    this.stage.append(this.querySelector("img"), this.canvas);
    this.frame.append(this.stage);
    this.zoom = "fit";
    this.sizes = new ResizeObserver(() => this.#size());
    this.sizes.observe(this.frame);
    this.stage.addEventListener("pointerdown", (event) => this.#begin(event));
    this.stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) this.stage.addEventListener(end, () => this.#end());
  }

  async #show() {
    try {
      const answer = await fetch(this.dataset.src, { credentials: "same-origin", cache: "no-store" });
      if (!answer.ok) return;
      const pixels = await decodePng(await answer.arrayBuffer());
      const [center, width] = [Number(this.dataset.windowCenter), Number(this.dataset.windowWidth)];
      const stored = width >= 1 ? { center, width } : null;
      const table = greyTable(presets(pixels, histogram(pixels), stored).default, pixels.bits);
      const image = new ImageData(pixels.width, pixels.height);
      pixels.data.forEach((value, at) => image.data.set([table[value], table[value], table[value], 255], 4 * at));
      this.canvas.getContext("2d").putImageData(image, 0, 0);
      this.canvas.hidden = false;
      this.querySelector("img").hidden = true;
      this.dataset.state = "ready";
    } catch {
      this.dataset.state = "plain"; // the browser's own picture stays
    }
  }

  #size() {
    const room = [this.frame.clientWidth / this.width, (window.innerHeight * 0.8) / this.height];
    const zoom = this.zoom === "fit" ? Math.min(...room) : Number(this.zoom);
    this.stage.style.width = `${this.width * zoom}px`;
    this.stage.style.height = `${this.height * zoom}px`;
  }

  #buildTools() {
    const tools = document.createElement("div");
    tools.className = "mask-tools";
    this.adder = document.createElement("button");
    Object.assign(this.adder, { type: "button", className: "button small", textContent: "Add a rectangle" });
    this.adder.addEventListener("click", () => this.#add(this.#middle()).focus());
    const label = document.createElement("label");
    const select = document.createElement("select");
    for (const [value, text] of ZOOMS) select.append(new Option(text, value));
    select.addEventListener("change", () => {
      this.zoom = select.value;
      this.#size();
    });
    label.append("Size ", select);
    tools.append(this.adder, label);
    this.list.after(tools);
    this.querySelector("#mask-hint").append(` Or drag on the picture. ${KEYS}`);
  }

  // --- Rectangles: each is an input and a button on the picture ----------------------------------------------------

  #middle() {
    const [width, height] = [within(this.width * FIRST, 1, this.width), within(this.height * FIRST, 1, this.height)];
    return [Math.round((this.width - width) / 2), Math.round((this.height - height) / 2), width, height];
  }

  #add(rectangle) {
    const line = document.createElement("li");
    const label = document.createElement("label");
    const name = document.createElement("span");
    name.className = "visually-hidden";
    const input = document.createElement("input");
    Object.assign(input, { type: "text", name: "mask", autocomplete: "off", inputMode: "numeric" });
    input.setAttribute("aria-describedby", "mask-hint");
    label.append(name, input);
    line.append(label);
    this.list.append(line);
    input.value = rectangle.join(", ");
    this.#number();
    return input.box;
  }

  /** Show what an input says; null where it says no rectangle. */
  #place(input) {
    const rectangle = read(input.value);
    input.setAttribute("aria-invalid", String(!rectangle && Boolean(input.value.trim())));
    this.#remover(input);
    if (!rectangle) {
      input.box?.remove();
      input.box = null;
      return null;
    }
    const box = (input.box ??= this.#box(input));
    const [left, top, width, height] = rectangle;
    box.rectangle = rectangle;
    for (const [side, value, whole] of [
      ["left", left, this.width], ["top", top, this.height], ["width", width, this.width], ["height", height, this.height],
    ])
      box.style[side] = `${(100 * value) / whole}%`;
    box.setAttribute("aria-label", `${input.title}: ${words(rectangle)}`);
    return box;
  }

  #box(input) {
    const box = document.createElement("button");
    Object.assign(box, { type: "button", className: "mask-box", input });
    box.addEventListener("keydown", (event) => this.#key(event, box));
    this.stage.append(box);
    return box;
  }

  #remover(input) {
    const line = input.closest("li");
    if (line.querySelector("button")) return;
    const remove = document.createElement("button");
    Object.assign(remove, { type: "button", className: "button small", textContent: "Remove" });
    remove.addEventListener("click", () => this.#remove(input));
    line.append(remove);
  }

  #number() {
    this.inputs.forEach((input, at) => {
      input.title = `Rectangle ${at + 1}`;
      this.#place(input);
      const line = input.closest("li");
      line.querySelector("span").textContent = input.title;
      line.querySelector("button").setAttribute("aria-label", `Remove ${input.title.toLowerCase()}`);
    });
  }

  #set(box, [left, top, width, height]) {
    const w = within(width, 1, this.width);
    const h = within(height, 1, this.height);
    const rectangle = [within(left, 0, this.width - w), within(top, 0, this.height - h), w, h];
    box.input.value = rectangle.join(", ");
    this.#place(box.input);
    this.#say(words(rectangle));
  }

  #remove(input) {
    const at = this.inputs.indexOf(input);
    input.closest("li").remove();
    input.box?.remove();
    this.#number();
    this.#say("The rectangle is removed.");
    (this.inputs[at]?.box ?? this.inputs.at(-1)?.box ?? this.adder).focus();
  }

  #key(event, box) {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      return this.#remove(box.input);
    }
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.altKey || event.metaKey) return undefined;
    event.preventDefault();
    const step = Math.max(1, Math.round(Math.max(this.width, this.height) / 256));
    const [x, y] = arrow.map((part) => part * step);
    const [left, top, width, height] = box.rectangle;
    if (event.shiftKey) return this.#set(box, [left, top, Math.min(width + x, this.width - left), Math.min(height + y, this.height - top)]);
    return this.#set(box, [left + x, top + y, width, height]);
  }

  // --- Dragging --------------------------------------------------------------------------------------------------

  #at(event) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return [((event.clientX - left) / width) * this.width, ((event.clientY - top) / height) * this.height];
  }

  #begin(event) {
    if (event.button) return;
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    const box = event.target.closest(".mask-box");
    const from = this.#at(event);
    if (!box) {
      this.#drag = { from };
      return;
    }
    box.focus();
    const edge = box.getBoundingClientRect();
    const size = Math.abs(event.clientX - edge.right) < GRIP && Math.abs(event.clientY - edge.bottom) < GRIP;
    this.#drag = { box, from, size, before: box.rectangle };
  }

  #move(event) {
    if (!this.#drag) return;
    const [x, y] = this.#at(event);
    const { from, before, size } = this.#drag;
    const [dx, dy] = [x - from[0], y - from[1]];
    if (before) {
      const [left, top, width, height] = before;
      this.#set(this.#drag.box, size ? [left, top, width + dx, height + dy] : [left + dx, top + dy, width, height]);
      return;
    }
    if (!this.#drag.box && Math.min(Math.abs(dx), Math.abs(dy)) < LEAST) return;
    const [x0, x1] = [from[0], x].map((side) => within(side, 0, this.width)).sort((a, b) => a - b);
    const [y0, y1] = [from[1], y].map((side) => within(side, 0, this.height)).sort((a, b) => a - b);
    const rectangle = [x0, y0, Math.max(1, x1 - x0), Math.max(1, y1 - y0)];
    if (this.#drag.box) this.#set(this.#drag.box, rectangle);
    else this.#drag.box = this.#add(rectangle);
  }

  #end() {
    this.#drag?.box?.focus();
    this.#drag = null;
  }
}

/** Four whole numbers, or null. */
function read(text) {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,5}$/.test(part))) return null;
  return parts.map(Number);
}

const words = ([left, top, width, height]) => `${width} by ${height}, ${left} from the left, ${top} from the top.`;

customElements.define("mask-editor", MaskEditor);
