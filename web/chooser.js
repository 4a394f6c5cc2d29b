// Choosing styles: cards with pictures, and the order with counts and wishes.

import { button, focusBeside, h, icon, keep, say } from "./dom.js";
import { named, t } from "./texts.js";

const USUAL_COUNT = 4;
const PROMPT_LENGTH = 1000;
const STYLE_LENGTH = 64;

/**
 * `{element, prompts(), fault()}` for an *offer* as of GET /styles, with *prompts* chosen already.
 * `fault()` is a sentence while the order cannot be sent. `onChange(prompts)` hears of every change.
 */
export function chooser(offer, prompts, onChange) {
  const { most_avatars: mostAvatars, most_prompts: mostPrompts } = offer.limits;
  const lines = new Map(prompts.map((line) => [line.style, { count: 1, ...line, prompt: line.prompt ?? "" }]));
  const cards = h("ul", { class: "styles" });
  const order = h("ul", { class: "lines" });
  const heading = h("h2", {}, t("styles.order"));
  const empty = h("p", { class: "hint" }, t("styles.empty"));
  const total = h("p", { class: "total", role: "status" });

  const update = () => {
    const styles = [...new Set([...offer.styles, ...lines.keys()])];
    keep(cards, styles, (style) => style, (style) => card(style, lines, toggle));
    keep(order, [...lines.values()], ({ style }) => style, (line) => row(line, changed, () => toggle(line.style), heading));
    empty.hidden = lines.size > 0;
    const count = avatars(lines);
    say(total, count ? t("styles.total", { count }) : "");
  };
  const changed = () => {
    update();
    onChange(asked(lines));
  };
  const toggle = (style) => {
    if (!lines.delete(style)) lines.set(style, { style, count: USUAL_COUNT, prompt: "" });
    changed();
  };

  update();
  return {
    element: h("div", { class: "chooser" },
      h("fieldset", { class: "group" },
        h("legend", {}, t("styles.which")),
        h("p", { class: "hint" }, t("styles.lead")),
        cards,
        offer.styles.length ? h("p", { class: "credit" }, t("styles.example")) : ownStyle(lines, changed),
      ),
      h("section", { class: "order" },
        heading,
        empty, order, total,
      ),
    ),
    prompts: () => asked(lines),
    fault: () => {
      if (!lines.size) return t("styles.needStyle");
      if (lines.size > mostPrompts) return t("styles.tooManyStyles", { most: mostPrompts });
      return avatars(lines) > mostAvatars ? t("styles.tooMany", { most: mostAvatars }) : null;
    },
  };
}

/** The lines of an order as the API takes them. */
function asked(lines) {
  return [...lines.values()].map(({ style, count, prompt, negative_prompt: unwanted }) => ({
    style, count, ...(prompt.trim() && { prompt: prompt.trim() }), ...(unwanted && { negative_prompt: unwanted }),
  }));
}

function avatars(lines) {
  return [...lines.values()].reduce((sum, { count }) => sum + count, 0);
}

function card(style, lines, toggle) {
  const box = h("input", { type: "checkbox", class: "unseen", name: "style", value: style, on: { change: () => toggle(style) } });
  const element = h("li", {},
    h("label", { class: "style" }, box, stylePicture(style),
      h("span", { class: "style-name" }, named("styleNames", style), h("span", { class: "tick" }, icon("check")))),
  );
  return { element, update: () => (box.checked = lines.has(style)) };
}

/** The picture of a style; one that has none gets its first letter. */
export function stylePicture(style) {
  const place = h("span", { class: "style-picture", "aria-hidden": "true" });
  const picture = h("img", {
    src: `styles/${encodeURIComponent(style)}.jpg`, alt: "", width: 384, height: 384, loading: "lazy", decoding: "async",
  });
  picture.addEventListener("error", () => {
    place.classList.add("without");
    place.replaceChildren(named("styleNames", style)[0]);
  });
  place.append(picture);
  return place;
}

function row(line, changed, toggle, heading) {
  const style = named("styleNames", line.style);
  const count = h("input", {
    type: "number", class: "count", min: 1, max: 99, inputmode: "numeric", "aria-label": t("styles.count", { style }),
  });
  const set = (value) => {
    line.count = Math.min(99, Math.max(1, Math.round(value) || 1));
    changed();
  };
  count.addEventListener("change", () => {
    set(Number(count.value));
    count.value = line.count;
  });
  const wish = h("input", {
    type: "text", class: "wish", maxlength: PROMPT_LENGTH, placeholder: t("styles.promptHint"), "aria-label": `${style}: ${t("styles.prompt")}`,
  });
  wish.value = line.prompt;
  wish.addEventListener("input", () => {
    line.prompt = wish.value;
    changed();
  });
  const step = (sign, label, by) => button({
    class: "button round", "aria-label": t(label, { style }), on: { click: () => set(line.count + by) },
  }, icon(sign));
  const remove = () => {
    focusBeside(element, heading);
    toggle();
  };
  const element = h("li", { class: "line" },
    h("span", { class: "line-name" }, style),
    h("span", { class: "stepper" }, step("minus", "styles.fewer", -1), count, step("plus", "styles.more", 1)),
    wish,
    line.negative_prompt && h("p", { class: "unwanted hint" }, t("styles.without", { unwanted: line.negative_prompt })),
    button({ class: "button round quiet line-remove", "aria-label": t("styles.remove", { style }), on: { click: remove } }, icon("cross")),
  );
  return { element, update: () => document.activeElement !== count && (count.value = line.count) };
}

/** Where the stack does not know its provider's styles, people name them. */
function ownStyle(lines, changed) {
  const field = h("input", { type: "text", id: "own-style", maxlength: STYLE_LENGTH });
  const add = () => {
    const style = field.value.trim();
    if (style && !lines.has(style)) lines.set(style, { style, count: USUAL_COUNT, prompt: "" });
    field.value = "";
    field.focus();
    changed();
  };
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  });
  return h("div", { class: "own" },
    h("label", { for: "own-style" }, t("styles.own")),
    h("div", { class: "row" }, field, button({ on: { click: add } }, t("styles.add"))),
    h("p", { class: "hint" }, t("styles.ownHint")),
  );
}
