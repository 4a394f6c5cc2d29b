// One avatar, as large as the window: arrow keys go on, Escape closes.

import { button, h, icon, say } from "./dom.js";
import { named, t } from "./texts.js";

/** Show *avatar* of a Gallery, and from there the others. */
export function zoom(gallery, avatar) {
  const name = ({ run, position }) => `${run}/${position}`;
  let current = name(avatar);
  const picture = h("img", { class: "zoom-picture" });
  const caption = h("p", { class: "zoom-caption", role: "status" });
  const wish = h("p", { class: "hint" });
  const problem = h("div");
  const heart = button({ class: "button heart" }, icon("heart"), t("gallery.favour"));
  const arrow = (way, label, by) => button({ class: `button round zoom-${way}`, autofocus: by > 0, "aria-label": t(label), on: { click: () => go(by) } }, icon(way));
  const dialog = h("dialog", { class: "zoom", "aria-label": t("gallery.zoom") },
    h("div", { class: "zoom-stage" }, arrow("left", "gallery.previous", -1), picture, arrow("right", "gallery.next", 1)),
    h("div", { class: "zoom-foot" },
      h("div", {}, caption, wish),
      h("div", { class: "actions" },
        heart,
        button({ class: "button", id: "download-one", on: { click: () => gallery.download(shown(), problem) } }, icon("download"), t("gallery.download")),
        button({ class: "button", id: "share", on: { click: () => gallery.share(shown(), problem) } }, icon("share"), t("gallery.share")),
        button({ class: "button round quiet", "aria-label": t("close"), on: { click: () => dialog.close() } }, icon("cross")),
      ),
      problem,
    ),
  );

  const shown = () => gallery.kept.find((other) => name(other) === current);
  const go = (by) => {
    const kept = gallery.kept;
    const place = kept.findIndex((other) => name(other) === current);
    current = name(kept[(place + by + kept.length) % kept.length]);
    problem.replaceChildren();
    draw();
  };
  const draw = async () => {
    const kept = gallery.kept;
    const now = shown();
    if (!now) return dialog.close(); // no longer a favourite, while only those are shown
    const style = named("styleNames", now.style);
    say(caption, `${style} · ${t("gallery.ai")} · ${t("gallery.place", { place: kept.indexOf(now) + 1, count: kept.length })}`);
    say(wish, now.prompt ?? "");
    heart.setAttribute("aria-pressed", String(now.favourite));
    picture.alt = t("gallery.alt", { place: now.position, style });
    if (picture.dataset.of === current) return;
    picture.dataset.of = current;
    const link = await gallery.linkOf(now).catch(() => now.link);
    if (current === name(now)) picture.src = link;
  };
  const changed = () => draw();

  heart.addEventListener("click", () => gallery.favour(shown(), !shown().favourite, problem));
  dialog.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowRight") go(1);
    if (key === "ArrowLeft") go(-1);
  });
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  gallery.addEventListener("change", changed);
  dialog.addEventListener("close", () => {
    gallery.removeEventListener("change", changed);
    dialog.remove();
  });
  document.body.append(dialog);
  draw();
  dialog.showModal();
}
