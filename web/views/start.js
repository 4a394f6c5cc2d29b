// What this is, in a sentence and a picture, and the way in.

import { button, h, icon } from "../dom.js";
import { alertFor, copy } from "../parts.js";
import { named, t, texts } from "../texts.js";

const SHOWN = ["watercolor", "pop_art", "pencil_sketch", "cyberpunk"];

export default async function start(app, { returnTo = null } = {}) {
  const { signedIn } = app.session;
  const problem = h("div", {}, app.failure && alertFor(app.failure));
  app.failure = null;
  return {
    title: t("start.title"),
    element: h("div", { class: "start" },
      h("section", { class: "hero" },
        h("div", { class: "pitch" },
          h("h1", {}, t("start.headline")),
          h("p", { class: "lead" }, t("start.lead")),
          problem,
          returnTo && h("p", { class: "notice" }, t("start.signInFirst")),
          h("div", { class: "actions" }, signedIn ? wayOn() : wayIn(app, returnTo)),
          !signedIn && app.config.try && trial(app.config.try),
          h("p", { class: "privacy" }, icon("check"), promise(app.config)),
        ),
        picture(),
      ),
      h("ol", { class: "how" }, texts("start.steps").map(([name, text]) =>
        h("li", {}, h("h2", {}, name), h("p", {}, text)))),
      h("p", { class: "credit" }, t("start.credit")),
    ),
  };
}

/** For how long photos and avatars are kept; what the configuration leaves out is 0. */
function promise({ photo_days: photos = 0, avatar_days: avatars = 0 }) {
  return [
    Number(photos) ? t("start.photosKept", { count: Number(photos) }) : t("start.photosGo"),
    Number(avatars) ? t("start.avatarsKept", { count: Number(avatars) }) : "",
  ].join(" ");
}

function wayOn() {
  return [
    h("a", { class: "button strong large", href: "#/new" }, t("start.create")),
    h("a", { class: "button large", href: "#/jobs" }, t("start.jobs")),
  ];
}

function wayIn(app, returnTo) {
  const begin = button({ class: "button strong large", id: "sign-in" }, t("start.signIn"));
  begin.addEventListener("click", () => {
    begin.setAttribute("aria-busy", "true");
    app.session.begin(returnTo ?? "#/new");
  });
  return begin;
}

function trial({ username, password }) {
  const said = h("span", { role: "status" });
  return h("p", { class: "trial" },
    t("start.tryIt", { username }), " ", h("code", {}, password), " ",
    button({ class: "button small", on: { click: () => copy(password, said) } }, icon("copy"), t("start.copyPassword")),
    said,
  );
}

function picture() {
  return h("div", { class: "fan", role: "img", "aria-label": t("start.picture") },
    tile("photo.jpg", t("start.photo")),
    SHOWN.map((style) => tile(`styles/${style}.jpg`, named("styleNames", style))),
  );
}

function tile(src, name) {
  return h("span", {}, h("img", { src, alt: "", width: 384, height: 384 }), h("em", {}, name));
}
