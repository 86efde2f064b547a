import { recall, remember } from "./memory.js";

const root = document.documentElement;

/** Apply "light", "dark" or "page" (whatever the page was written for) and remember it in this browser. */
export function setTheme(choice) {
  const chosen = choice === "light" || choice === "dark" ? choice : null;
  root.dataset.theme = chosen ?? root.dataset.pageTheme ?? "light";
  remember("theme", chosen);
  for (const element of document.querySelectorAll("theme-switch")) element.show(chosen ?? "page");
}

/** `<theme-switch>` around buttons with `data-choice="page|light|dark"`. */
class ThemeSwitch extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      const button = event.target.closest("[data-choice]");
      if (button) setTheme(button.dataset.choice);
    });
    this.show(recall("theme") ?? "page");
  }

  show(choice) {
    for (const button of this.querySelectorAll("[data-choice]"))
      button.setAttribute("aria-pressed", String(button.dataset.choice === choice));
  }
}

customElements.define("theme-switch", ThemeSwitch);

addEventListener("storage", (event) => {
  if (event.key === "theme") setTheme(event.newValue ?? "page");
});
