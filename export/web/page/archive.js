// The zip archive at the end of a TFLite file of keras-attention.

const CENTRAL_END = 0x06054b50; // marks the end of the central directory
const DEFLATED = 8; // the method of compressed files

/** Return the files at the end of `content` by name: { bytes, deflated }. */
export function readArchive(content) {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  let end = content.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== CENTRAL_END) end--;
  if (end < 0) throw new Error("expected a TFLite file that keras-attention exported");
  let entry = view.getUint32(end + 16, true);
  const files = {};
  for (let left = view.getUint16(end + 10, true); left; left--) {
    const size = view.getUint32(entry + 20, true); // the compressed size
    const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(entry + place, true));
    const header = view.getUint32(entry + 42, true);
    const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
    files[decode(content.subarray(entry + 46, entry + 46 + name))] = {
      bytes: content.subarray(start, start + size),
      deflated: view.getUint16(entry + 10, true) === DEFLATED,
    };
    entry += 46 + name + extra + comment;
  }
  return files;
}

export const decode = (bytes) => new TextDecoder().decode(bytes);
