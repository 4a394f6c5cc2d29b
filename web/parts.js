// Parts that several views are made of.

import { button, h, icon, refill, say } from "./dom.js";
import { t } from "./texts.js";

/** What went wrong and what to do about it, with a button where trying again may help. */
export function alertFor(problem, { retry } = {}) {
  const sentence = problem.sentence ?? t("problems.bug", { message: problem.message });
  const remedy = problem.sentence ? problem.remedy : t("problems.reload");
  return h("div", { class: "alert", role: "alert" },
    icon("alert"),
    h("div", {},
      h("p", { class: "alert-sentence" }, sentence),
      remedy && h("p", {}, remedy),
      remedy === t("problems.reload") && h("p", { class: "hint" }, t("job.code", { code: problem.code ?? problem.name })),
      retry && button({ class: "button small", on: { click: retry } }, t("again")),
    ),
  );
}

/** Shows a problem in *place*, and takes it away once `action()` works; returns what that returns. */
export async function attempt(place, action, { retry = false } = {}) {
  refill(place);
  try {
    return await action();
  } catch (problem) {
    if (!problem.sentence) console.error(problem);
    refill(place, alertFor(problem, { retry: retry && (() => attempt(place, action, { retry })) }));
    return undefined;
  }
}

/** A modal dialog; it is removed when it closes, and the focus goes back to where it was. */
export function openDialog({ id, title, content, actions, className = "", closable = false }) {
  const heading = h("h2", { id: `${id}-title` }, title);
  const dialog = h("dialog", { id, class: className, "aria-labelledby": heading.id },
    h("div", { class: "dialog-head" },
      heading,
      closable && button({ class: "button round quiet", "aria-label": t("close"), on: { click: () => dialog.close() } }, icon("cross")),
    ),
    content,
    h("div", { class: "actions" }, actions),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (closable && event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, close: () => dialog.close() };
}

/** Where one is on the way from photos to avatars. */
export function steps(current) {
  const names = ["photos", "styles", "avatars"];
  return h("ol", { class: "steps", "aria-label": t("steps.label") },
    names.map((name, place) => h("li", {
      class: place < names.indexOf(current) ? "done" : "",
      "aria-current": name === current && "step",
    }, t(`steps.${name}`), place < names.indexOf(current) && h("span", { class: "unseen" }, ` (${t("steps.done")})`))),
  );
}

/** Hands a text to the clipboard, and says in *place* whether that worked. */
export async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    say(place, t("share.copied"));
    return true;
  } catch {
    say(place, t("share.notCopied"));
    return false;
  }
}

/** Has the browser save what lies at *link* under the name *file*. */
export function save(link, file) {
  const anchor = h("a", { href: link, download: file, hidden: true });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
}

/** Has the browser save *blob* under the name *file*. */
export function saveBlob(blob, file) {
  const link = URL.createObjectURL(blob);
  save(link, file);
  setTimeout(() => URL.revokeObjectURL(link), 60_000);
}
