// More avatars from a model that is trained already.

import { chooser } from "../chooser.js";
import { button, h, icon, say } from "../dom.js";
import { offerOf } from "../offer.js";
import { attempt } from "../parts.js";
import { t } from "../texts.js";

export default async function more(app, jobId) {
  const [offered, job] = await Promise.all([app.offer(), app.api.job(jobId)]);
  const offer = offerOf(offered, job.provider);
  const kept = `avatars.more ${jobId}`;
  const chosen = JSON.parse(localStorage.getItem(kept) ?? "null") ?? job.prompts;
  // Whom it names may be offered no more: then people name the styles.
  const styles = offer.providers.find(({ name }) => name === job.provider)?.styles ?? [];
  const choice = chooser({ ...offer, styles }, chosen, (prompts) => localStorage.setItem(kept, JSON.stringify(prompts)));
  const fault = h("p", { class: "needed", role: "alert" });
  const problem = h("div");
  const make = button({ class: "button strong large", id: "make-more" }, t("styles.makeMore"), icon("right"));
  make.addEventListener("click", async () => {
    if (make.getAttribute("aria-busy")) return;
    const why = choice.fault();
    say(fault, why ?? "");
    if (why) return;
    make.setAttribute("aria-busy", "true");
    await attempt(problem, async () => {
      const { run } = await app.api.more(jobId, choice.prompts());
      localStorage.removeItem(kept);
      // The list of jobs follows a moment later; until then the job still looks ended.
      sessionStorage.setItem(`avatars.awaited ${jobId}`, run);
      app.go(`#/jobs/${jobId}`);
    });
    make.removeAttribute("aria-busy");
  });
  return {
    title: t("styles.moreTitle"),
    element: h("div", { class: "flow" },
      h("h1", {}, t("styles.moreHeadline")),
      h("p", { class: "lead" }, t("styles.moreLead")),
      choice.element,
      problem,
      h("div", { class: "foot" },
        fault,
        h("a", { class: "button", href: `#/jobs/${jobId}` }, icon("back"), t("styles.backToJob")),
        make,
      ),
    ),
  };
}
