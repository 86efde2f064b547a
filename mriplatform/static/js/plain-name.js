// Endings by which the server holds a name against its content, or knows an archive in an archive. The last part of any
// other name may be a person's ("MR.Doe") or a UID's, and says nothing that the content does not.
const TELLING = new Set(
  ("png jpg jpeg jpe jfif dcm dicom ima gif tif tiff webp heic heif avif jp2 j2k jpx jxl nii bmp dib " +
    "zip jar 7z rar tar gz tgz bz2 tbz xz txz zst lz cab iso txt").split(" "),
);

/** "3.png" for the third file: its number and, where it is a known one, the ending of its name; no more of it. */
export function plainName(number, name) {
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1].toLowerCase();
  return TELLING.has(ending) ? `${number}.${ending}` : String(number);
}
