// The page: reads its configuration, signs in, and shows the view that the address names.

import { Api, Problem } from "./api.js";
import { setClock } from "./clock.js";
import { button, h, say } from "./dom.js";
import { alertFor, openDialog } from "./parts.js";
import { Session } from "./session.js";
import { loadTexts, t } from "./texts.js";

/** The first pattern that fits the address decides; what is not `open` needs somebody signed in. */
const ROUTES = [
  { pattern: /^$/, view: () => import("./views/start.js"), open: true },
  { pattern: /^new$/, view: () => import("./views/photos.js") },
  { pattern: /^jobs$/, view: () => import("./views/jobs.js") },
  { pattern: /^jobs\/([A-Z2-7]{26})$/, view: () => import("./views/job.js") },
  { pattern: /^jobs\/([A-Z2-7]{26})\/photos$/, view: () => import("./views/photos.js") },
  { pattern: /^jobs\/([A-Z2-7]{26})\/styles$/, view: () => import("./views/styles.js") },
  { pattern: /^jobs\/([A-Z2-7]{26})\/more$/, view: () => import("./views/more.js") },
  { pattern: /^receipt$/, view: () => import("./views/receipt.js") },
];

const main = document.getElementById("content");

/** What every view is given. */
const app = {
  config: null,
  session: null,
  api: null,
  /** GET /styles, asked once. */
  offer: () => (app.asked ??= app.api.styles().catch((problem) => {
    app.asked = null;
    throw problem;
  })),
  go: (fragment) => {
    if (location.hash === fragment) show();
    else location.hash = fragment;
  },
  /** Tell a screen reader what eyes see anyway. */
  tell: (text) => say(document.getElementById("news"), text),
};

let leave = () => {};
let shown = 0;

async function run() {
  await loadTexts();
  say(document.getElementById("skip"), t("skip"));
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the fragment is the view's
    main.focus();
  });
  watchConnection();
  try {
    app.config = await (await fetch("config.json", { cache: "no-cache" })).json();
  } catch {
    return main.replaceChildren(alertFor(new Problem({
      sentence: t("problems.noAnswer"), remedy: t("problems.noAnswerRemedy"),
    }), { retry: () => location.reload() }));
  }
  setClock(app.config.clock);
  app.session = new Session(app.config);
  app.api = new Api(new URL(app.config.api, location.href).href, app.session);
  app.session.addEventListener("expired", askToSignIn);
  app.session.addEventListener("signed-in", drawBar);
  if (await comeBack()) return;
  window.addEventListener("hashchange", show);
  drawBar();
  show();
}

/** The way back from the sign-in page; true where there is nothing more to show. */
async function comeBack() {
  try {
    const back = await app.session.finish(new URL(location.href));
    if (back?.how === "beside") {
      main.replaceChildren(h("p", { class: "notice" }, t("start.signedInBeside")));
      window.close();
      return true;
    }
    if (back) history.replaceState(null, "", location.pathname + (back.returnTo || "#/new"));
  } catch (error) {
    console.error(error);
    history.replaceState(null, "", location.pathname);
    app.failure = new Problem({
      code: "SIGN_IN",
      sentence: t("start.signInFailed", { reason: error.error_description ?? error.message }),
      remedy: t("start.signInFailedRemedy"),
    });
  }
  return false;
}

async function show() {
  const current = (shown += 1);
  leave();
  leave = () => {};
  const address = location.hash.replace(/^#\/?/, "");
  const route = ROUTES.find(({ pattern }) => pattern.test(address));
  main.setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => main.replaceChildren(h("p", { class: "loading" }, t("loading"))), 300);
  let view;
  try {
    if (!route) throw new Problem({ status: 404, sentence: t("problems.notFound"), remedy: t("problems.notFoundRemedy") });
    if (!route.open && !app.session.signedIn) view = await (await import("./views/start.js")).default(app, { returnTo: location.hash });
    else view = await (await route.view()).default(app, ...route.pattern.exec(address).slice(1));
  } catch (problem) {
    view = failed(problem);
  }
  clearTimeout(waiting);
  if (current !== shown) return view.leave?.();
  leave = view.leave ?? leave;
  document.title = t("title", { view: view.title });
  main.replaceChildren(view.element);
  app.tell("");
  main.removeAttribute("aria-busy");
  markPlace(address);
  if (current === 1 && location.hash === "") return;
  // The heading is where a new page would begin to be read.
  const heading = main.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
  window.scrollTo({ top: 0, behavior: "instant" });
}

function failed(problem) {
  if (!(problem instanceof Problem)) console.error(problem);
  return {
    title: t("problems.title"),
    element: h("div", { class: "narrow" },
      h("h1", {}, t("problems.title")),
      alertFor(problem, { retry: show }),
      h("p", {}, h("a", { href: "#/jobs" }, t("nav.jobs"))),
    ),
  };
}

function drawBar() {
  const { signedIn } = app.session;
  document.getElementById("bar").replaceChildren(
    h("a", { class: "brand", href: "#/" }, h("img", { src: "icon.svg", alt: "", width: 28, height: 28 }), t("name")),
    h("nav", { "aria-label": t("nav.label") },
      signedIn && h("a", { href: "#/jobs" }, t("nav.jobs")),
      signedIn && h("a", { href: "#/new" }, t("nav.create")),
      signedIn
        ? button({ class: "button quiet", on: { click: () => app.session.signOut() } }, t("nav.signOut"))
        : button({ class: "button quiet", on: { click: () => app.session.begin(location.hash) } }, t("nav.signIn")),
    ),
  );
  markPlace(location.hash.replace(/^#\/?/, ""));
}

function markPlace(address) {
  for (const link of document.querySelectorAll("#bar nav a")) {
    const here = link.getAttribute("href") === `#/${address}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function askToSignIn() {
  if (document.getElementById("expired")) return;
  const refused = h("p", { class: "needed", role: "alert" });
  const { dialog, close } = openDialog({
    id: "expired",
    title: t("expired.title"),
    content: [h("p", {}, t("expired.text")), refused],
    actions: [
      button({ on: { click: () => app.session.signOut() } }, t("nav.signOut")),
      button({ class: "button strong", autofocus: true, on: { click: () => app.session.beginBeside() } }, t("expired.signIn")),
    ],
  });
  app.session.addEventListener("signed-in", close, { once: true });
  app.session.addEventListener("somebody-else", () => say(refused, t("expired.somebodyElse")));
  dialog.addEventListener("cancel", (event) => event.preventDefault());
}

function watchConnection() {
  const notice = document.getElementById("offline");
  const update = () => say(notice, navigator.onLine ? "" : t("offline"));
  window.addEventListener("online", update);
  window.addEventListener("offline", update);
  update();
}

run();
