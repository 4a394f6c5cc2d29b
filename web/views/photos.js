// Photos: dropped, picked or taken, sent at once, and each with its verdict as soon as there is one.

import { Draft, isOut } from "../draft.js";
import { button, focusBeside, focusOn, h, icon, keep, refill, say } from "../dom.js";
import { alertFor, steps } from "../parts.js";
import { bytes, said, t, texts } from "../texts.js";

export default async function photos(app, jobId) {
  const offer = await app.offer();
  const draft = jobId ? await Draft.of(jobId, app.api, offer) : Draft.fresh(app.api, offer);
  const { limits } = draft;
  if (draft.started) return begun(jobId);

  const refused = h("div", { role: "status" });
  const problem = h("div");
  const list = h("ul", { class: "photos", id: "photos" });
  const summary = h("p", { class: "summary", role: "status", id: "summary" });
  const advice = h("div", { role: "status" });
  const next = button({ class: "button strong large", id: "next" }, t("photos.next"), icon("right"));
  const again = () => {
    draft.send();
    focusOn(list);
  };
  const retry = button({ class: "button", on: { click: again } }, t("photos.retryAll"));
  const needed = h("p", { class: "needed", role: "alert" });

  const zone = dropZone(limits, (files) => take(files));

  const take = (files) => {
    say(needed, "");
    const left = draft.add([...files]);
    refused.replaceChildren(...(left.length ? [leftOut(left)] : []));
  };

  next.addEventListener("click", () => {
    const missing = limits.least_photos - draft.usable.length;
    if (missing > 0) return say(needed, t("photos.notEnough", { count: missing }));
    if (draft.jobId === null) return draft.send();
    app.go(`#/jobs/${draft.jobId}/styles`);
  });

  const update = () => {
    if (draft.jobId && !location.hash.includes(draft.jobId)) {
      // The same view, now with an address that brings one back to it.
      history.replaceState(null, "", `#/jobs/${draft.jobId}/photos`);
    }
    keep(list, draft.photos, ({ file }) => file, (photo) => card(photo, draft));
    say(summary, summaryOf(draft));
    const sentences = draft.advice.map(({ code, sentence }) => said("advice", code, sentence)).join(" ");
    if (advice.dataset.said !== sentences) {
      advice.dataset.said = sentences;
      advice.replaceChildren(...(sentences ? [h("div", { class: "notice" }, h("strong", {}, t("photos.advice")), " ", sentences)] : []));
    }
    const wrong = draft.problem ?? draft.trouble;
    if (problem.shown !== wrong) {
      problem.shown = wrong;
      refill(problem, ...(wrong ? [alertFor(wrong, { retry: draft.problem && (() => draft.send()) })] : []));
    }
    retry.hidden = draft.photos.filter(({ status }) => status === "failed").length < 2;
    list.hidden = draft.photos.length === 0;
    zone.classList.toggle("filled", draft.photos.length > 0);
    say(zone.querySelector(".drop-title"), t(draft.photos.length ? "photos.dropMore" : "photos.drop"));
  };

  const paste = ({ clipboardData }) => clipboardData.files.length && take(clipboardData.files);
  draft.addEventListener("change", update);
  window.addEventListener("paste", paste);
  draft.watch();
  update();

  return {
    title: t("photos.title"),
    element: h("div", { class: "flow" },
      steps("photos"),
      h("h1", {}, t("photos.headline")),
      h("p", { class: "lead" }, t(draft.offer.photos_sent === 1 ? "photos.leadOfOne" : "photos.lead", { least: limits.least_photos, most: limits.most_photos })),
      zone,
      refused,
      problem,
      h("section", { "aria-label": t("photos.list") },
        h("div", { class: "row" }, summary, retry),
        list,
        advice,
      ),
      h("div", { class: "foot" }, needed, next),
    ),
    leave: () => {
      draft.removeEventListener("change", update);
      window.removeEventListener("paste", paste);
      draft.stopWatching();
    },
  };
}

function begun(jobId) {
  return {
    title: t("photos.title"),
    element: h("div", { class: "narrow" },
      h("h1", {}, t("photos.title")),
      h("p", { class: "notice" }, t("photos.begun")),
      h("p", {}, h("a", { class: "button strong", href: `#/jobs/${jobId}` }, t("photos.seeJob"))),
    ),
  };
}

function dropZone(limits, take) {
  const input = (attributes) => {
    const field = h("input", { type: "file", class: "unseen", ...attributes });
    field.addEventListener("change", () => {
      take(field.files);
      field.value = ""; // the same file may be picked once more
    });
    return field;
  };
  const accept = [...limits.photo_types, ".heic", ".heif"].join(",");
  const zone = h("div", { class: "drop" },
    icon("photos", "large"),
    h("p", { class: "drop-title" }, t("photos.drop")),
    h("div", { class: "actions centred" },
      h("label", { class: "button strong" }, input({ id: "choose", multiple: true, accept }), icon("plus"), t("photos.choose")),
      navigator.maxTouchPoints > 0 && h("label", { class: "button" }, input({ id: "camera", accept: "image/*", capture: "user" }), icon("camera"), t("photos.camera")),
    ),
    h("p", { class: "hint" }, t("photos.kinds", { size: bytes(limits.photo_bytes) })),
    h("ul", { class: "good" }, texts("photos.good").map((text) => h("li", {}, icon("check"), text))),
  );
  for (const event of ["dragenter", "dragover"]) {
    zone.addEventListener(event, (dragged) => {
      dragged.preventDefault();
      zone.classList.add("over");
    });
  }
  zone.addEventListener("dragleave", (dragged) => {
    if (!zone.contains(dragged.relatedTarget)) zone.classList.remove("over");
  });
  zone.addEventListener("drop", (dropped) => {
    dropped.preventDefault();
    zone.classList.remove("over");
    take(dropped.dataTransfer.files);
  });
  return zone;
}

function leftOut(refused) {
  return h("div", { class: "notice" },
    h("strong", {}, t("photos.refusedTitle")),
    h("ul", {}, refused.map(({ name, reason }) => h("li", {}, `${name}: ${reason}`))),
  );
}

function card(photo, draft) {
  const frame = h("div", { class: "frame" });
  const status = h("p", { class: "verdict" });
  const words = h("p", { class: "why" });
  const bar = h("progress", { max: 1, "aria-label": photo.file });
  const again = () => {
    draft.send();
    focusOn(element);
  };
  const leaveOut = () => {
    focusBeside(element, document.getElementById("choose"));
    draft.drop(photo);
  };
  const retry = button({ class: "button small", on: { click: again } }, t("photos.retry"));
  const drop = button({ class: "button small quiet", "aria-label": t("photos.remove", { file: photo.file }), on: { click: leaveOut } }, icon("cross"));
  const element = h("li", { class: "photo" },
    frame, bar,
    h("div", { class: "photo-text" },
      h("p", { class: "file", title: photo.file }, photo.file), status, words,
      h("div", { class: "row" }, retry, drop),
    ),
  );
  const update = () => {
    const { verdict } = photo;
    const look = looksOf(photo);
    element.dataset.look = look;
    draw(frame, photo);
    status.replaceChildren(icon(signOf(look)), t(`photos.status.${look}`));
    say(words, whyOf(photo, look, verdict));
    bar.hidden = photo.status !== "sending";
    bar.value = photo.share;
    retry.hidden = drop.hidden = photo.status !== "failed";
  };
  return { element, update };
}

function looksOf({ status, verdict }) {
  if (status !== "judged") return status;
  return verdict.status === "accepted" && verdict.advice.length ? "advised" : verdict.status;
}

function signOf(look) {
  return { accepted: "check", advised: "check", rejected: "cross", failed: "alert", surplus: "minus", late: "minus" }[look] ?? "clock";
}

function whyOf({ problem }, look, verdict) {
  if (look === "failed") return `${problem.sentence} ${problem.remedy}`;
  if (look === "advised") return verdict.advice.map(({ code, sentence }) => said("advice", code, sentence)).join(" ");
  if (look === "rejected") return said("reasons", verdict.code, verdict.reason);
  return look === "surplus" || look === "late" ? t(`photos.why.${look}`) : "";
}

/** The photo as it will be used where that is known already, else as it was picked. */
function draw(frame, { file, preview, verdict }) {
  const source = verdict?.link ? "prepared" : preview ? "picked" : "none";
  if (frame.dataset.source === source) return;
  frame.dataset.source = source;
  if (source === "none") return frame.replaceChildren(h("span", { class: "no-preview" }, icon("photos")));
  const picture = h("img", { alt: t("photos.alt", { file }), decoding: "async" });
  // The old picture stays until the new one is there; a link that has expired changes nothing.
  picture.addEventListener("load", () => frame.replaceChildren(picture), { once: true });
  picture.src = verdict?.link ?? preview;
}

function summaryOf(draft) {
  if (!draft.photos.length) return t("photos.none");
  const failed = draft.photos.filter(({ status }) => status === "failed").length;
  const missing = draft.limits.least_photos - draft.usable.length - failed;
  const count = (path, value) => (value ? t(path, { count: value }) : "");
  return [
    draft.accepted ? t("photos.summary", { count: draft.accepted }) : "",
    count("photos.checkingCount", draft.checking),
    draft.usable.length >= draft.limits.least_photos ? count("photos.sendingCount", draft.pending) : "",
    count("photos.rejectedCount", draft.photos.filter(isOut).length - failed),
    count("photos.failedCount", failed),
    missing > 0 ? t(draft.jobId === null ? "photos.missing" : "photos.notEnough", { count: missing }) : "",
  ].filter(Boolean).join(" ");
}
