// Openers and closers of native dialogs, and menus that close when one looks away.

/** Open the dialog with this id (or this dialog), if it is not open yet. */
export function openDialog(target) {
  const dialog = typeof target === "string" ? document.getElementById(target) : target;
  if (dialog && !dialog.open) {
    dialog.dispatchEvent(new CustomEvent("dialog:opening"));
    dialog.showModal();
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) openDialog(opener.dataset.dialog);
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog")?.close();
  // A click on the backdrop lands on the dialog itself, outside its box.
  if (event.target instanceof HTMLDialogElement) {
    const box = event.target.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside && event.detail > 0) event.target.close();
  }
  for (const menu of document.querySelectorAll("details.menu[open]"))
    if (!menu.contains(event.target) || opener) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
