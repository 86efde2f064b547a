/* Full screen, where the browser allows it: the whole page where one works beside the image, else the image alone. */

/** @param {HTMLElement} viewer its attribute `full` is "page" where the panel must stay @returns {Promise<boolean>} allowed? */
export async function toggleFullScreen(viewer) {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await (viewer.getAttribute("full") === "page" ? document.documentElement : viewer).requestFullscreen();
    return true;
  } catch {
    return false;
  }
}
