// Who is on the photos, which styles, how many: the rest of the order, and its beginning.

import { chooser } from "../chooser.js";
import { Draft } from "../draft.js";
import { button, h, icon, say } from "../dom.js";
import { attempt, steps } from "../parts.js";
import { named, t } from "../texts.js";

export default async function styles(app, jobId) {
  const draft = await Draft.of(jobId, app.api, await app.offer());
  const { offer } = draft;
  if (draft.started) {
    app.go(`#/jobs/${jobId}`);
    return { title: t("styles.title"), element: h("p", { class: "loading" }, t("loading")) };
  }
  draft.prompts ??= offer.styles.slice(0, 2).map((style) => ({ style, count: 4 }));
  draft.watch();

  const choice = chooser(offer, draft.prompts, (prompts) => draft.choose({ subject: draft.subject, prompts }));
  const fault = h("p", { class: "needed", role: "alert" });
  const problem = h("div");
  const begin = button({ class: "button strong large", id: "begin" }, t("styles.begin"), icon("right"));
  const consent = offer.consent.required ? agreement(offer.consent, draft, () => say(fault, "")) : null;
  const update = () => {
    if (fault.textContent === t("styles.waitForPhotos")) say(fault, faultOf(draft) ?? "");
  };
  draft.addEventListener("change", update);
  begin.addEventListener("click", async () => {
    if (begin.getAttribute("aria-busy")) return;
    say(fault, "");
    const unagreed = consent && !draft.consent;
    const why = (draft.subject ? null : t("styles.needSubject")) ?? choice.fault() ?? (unagreed ? t("consent.needed") : null) ?? faultOf(draft);
    if (why === t("consent.needed")) consent.ask();
    if (why) return say(fault, why);
    draft.choose({ subject: draft.subject, prompts: choice.prompts() });
    begin.setAttribute("aria-busy", "true");
    app.tell(t("styles.beginning"));
    await attempt(problem, async () => {
      await draft.begin();
      app.go(`#/jobs/${jobId}`);
    });
    begin.removeAttribute("aria-busy");
  });

  return {
    title: t("styles.title"),
    element: h("div", { class: "flow" },
      steps("styles"),
      h("h1", {}, t("styles.headline")),
      subjects(offer, draft),
      choice.element,
      consent?.element,
      problem,
      h("div", { class: "foot" },
        fault,
        h("a", { class: "button", href: `#/jobs/${jobId}/photos` }, icon("back"), t("styles.back")),
        begin,
      ),
    ),
    leave: () => {
      draft.removeEventListener("change", update);
      draft.stopWatching();
    },
  };
}

/** Why it cannot begin yet; null if it can. The set is frozen by beginning: all have to be judged. */
function faultOf(draft) {
  if (draft.pending || draft.checking) return t("styles.waitForPhotos");
  const missing = draft.limits.least_photos - draft.usable.length;
  return missing > 0 ? t("styles.needPhotos", { count: missing }) : null;
}

/** What everybody on the photos has to agree to; the version says to which words. */
function agreement({ text_version: version }, draft, agreed) {
  const box = h("input", {
    type: "checkbox", id: "consent", checked: draft.consent === version,
    on: {
      change: () => {
        draft.consent = box.checked ? version : null;
        if (draft.consent) agreed();
      },
    },
  });
  return {
    element: h("fieldset", { class: "group" },
      h("legend", {}, t("consent.title")),
      h("label", { class: "agreement" }, box, h("span", {}, t("consent.text"))),
    ),
    /** On a phone it may be far from the button that has just been pressed. */
    ask: () => {
      box.focus({ preventScroll: true });
      box.scrollIntoView({ block: "center" });
    },
  };
}

function subjects(offer, draft) {
  return h("fieldset", { class: "group" },
    h("legend", {}, t("styles.who")),
    h("div", { class: "pills" }, offer.subjects.map((subject) => {
      const pick = h("input", {
        type: "radio", class: "unseen", name: "subject", value: subject, checked: subject === draft.subject,
        on: { change: () => draft.choose({ subject, prompts: draft.prompts }) },
      });
      return h("label", { class: "pill" }, pick, named("subjects", subject));
    })),
  );
}
