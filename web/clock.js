// The pipeline's clock. On AWS it is the wall's; on the local stack time is scaled.

let epoch = 0, scale = 1;

/** Take over what config.json says of a scaled clock, if anything. */
export function setClock(clock) {
  if (clock) ({ epoch, scale } = clock);
}

/** A time of the pipeline's clock, as Unix seconds of the wall. */
export function wallOf(seconds) {
  return epoch + (seconds - epoch) * scale;
}

/** So many seconds of the pipeline's clock, in seconds of the wall. */
export function wallSeconds(seconds) {
  return seconds * scale;
}
