/* Numbers that come as base64 of little-endian arrays. */

const TYPES = { f8: Float64Array, i4: Int32Array, u2: Uint16Array };

export function unpack(text, type) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return new TYPES[type](bytes.buffer);
}

/* Each face of people: (person's id, number of the frame from 0, intensities of all AUs). */
export function* eachFace(people, aus) {
  for (const person of people) {
    const frames = unpack(person.frames, "i4");
    const hundredths = unpack(person.intensities, "u2");
    const intensities = Float32Array.from(hundredths, (x) => x / 100);
    for (let row = 0; row < frames.length; row += 1) {
      yield [person.id, frames[row], intensities.subarray(row * aus, (row + 1) * aus)];
    }
  }
}
