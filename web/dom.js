// Elements without innerHTML: whatever a person or the API says can only ever become text.

/**
 * An element. Attributes that are false, null or undefined are left off; `on` holds listeners.
 * Children are nodes, texts, or lists of them; false, null and undefined are left out.
 */
export function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  back: "M19 12H5m6-6l-6 6 6 6",
  heart: "M12 20s-7.5-4.6-7.5-10.2A4.3 4.3 0 0 1 12 7.2a4.3 4.3 0 0 1 7.5 2.6C19.5 15.4 12 20 12 20z",
  download: "M12 4v11m0 0l-4.5-4.5M12 15l4.5-4.5M5 20h14",
  share: "M12 15V4m0 0L8 8m4-4l4 4M6 12v7h12v-7",
  camera: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 16.5a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5z",
  photos: "M4 6h12v12H4zM8 3h13v12M4 15l4-4 3 3 2-2 3 3",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  alert: "M12 8v5m0 3.2v.1M12 3.5l9 16H3z",
  clock: "M12 7v5l3 2M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
};

/** A line drawing that says nothing by itself: the text beside it does. */
export function icon(name, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon ${className}`.trim());
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

/** A button; *attributes* as of `h`. */
export function button(attributes, ...children) {
  return h("button", { type: "button", class: "button", ...attributes }, ...children);
}

/**
 * Make *parent* hold one element per item, in order, keeping elements (so focus, pictures and
 * scrolling) of those that were there: `make(item)` returns `{element, update(item)}`.
 */
export function keep(parent, items, key, make) {
  const kept = (parent.kept ??= new Map());
  const names = items.map(key);
  // These first: an element that has to move up loses its focus.
  for (const [name, { element }] of kept) {
    if (names.includes(name)) continue;
    element.remove();
    kept.delete(name);
  }
  items.forEach((item, place) => {
    const name = names[place];
    if (!kept.has(name)) kept.set(name, make(item));
    const { element, update } = kept.get(name);
    update?.(item);
    if (parent.children[place] !== element) parent.insertBefore(element, parent.children[place] ?? null);
  });
}

/** Replace what *place* holds; the focus that was in it stays there. */
export function refill(place, ...children) {
  const held = place.contains(document.activeElement);
  place.replaceChildren(...children);
  if (held) focusOn(place.querySelector("button, a") ?? place);
}

/** Give the focus to what was not made for it: the one just used goes, and reading goes on here. */
export function focusOn(element) {
  if (element.tabIndex < 0) element.setAttribute("tabindex", "-1");
  element.focus();
}

/** The focus goes from an *element* of a list, about to be removed, to its neighbour, or *otherwise*. */
export function focusBeside(element, otherwise) {
  focusOn(element.nextElementSibling ?? element.previousElementSibling ?? otherwise);
}

/** Set a text only where it differs, so that live regions speak of changes alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function furnish(element, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  element.append(
    ...children.flat(Infinity).filter((child) => child !== false && child !== null && child !== undefined),
  );
  return element;
}
