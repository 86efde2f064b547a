/* Hands the maps that came with the answer to the viewer: with the page, or later with a fragment. */
const hand = (scope) => {
  for (const given of scope.querySelectorAll("[data-maps-of]")) {
    const viewer = document.getElementById(given.dataset.mapsOf);
    if (viewer && viewer.handed !== given.dataset.value) {
      viewer.handed = given.dataset.value;
      viewer.maps = JSON.parse(given.dataset.value);
    }
  }
};

await customElements.whenDefined("mri-viewer");
hand(document);
document.addEventListener("htmx:oobAfterSwap", () => hand(document));
