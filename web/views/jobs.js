// All that one has ordered, and the models that came of it.

import { wallOf } from "../clock.js";
import { button, h, icon } from "../dom.js";
import { offerOf } from "../offer.js";
import { attempt } from "../parts.js";
import { moment, named, said, t } from "../texts.js";

const PEEKED = 4;

export default async function jobs(app) {
  const peeks = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      peeks.unobserve(target);
      peek(app, target);
    }
  });
  const [offer, ordered, models] = await Promise.all([app.offer(), app.api.jobs(), app.api.models()]);
  return {
    title: t("jobs.title"),
    element: h("div", { class: "jobs" },
      h("div", { class: "job-head" },
        h("h1", {}, t("jobs.headline")),
        h("a", { class: "button strong", href: "#/new" }, icon("plus"), t("nav.create")),
      ),
      ordered.jobs.length
        ? section(t("jobs.jobs"), ordered, "jobs", (job) => jobLine(job, peeks), app.api.jobs)
        : h("div", { class: "notice" }, h("strong", {}, t("jobs.none")), " ", t("jobs.noneText")),
      models.models.length
        ? section(t("jobs.models"), models, "models", modelLine, app.api.models)
        : ordered.jobs.length > 0 && offerOf(offer).trains && h("p", { class: "hint" }, t("jobs.noModels")),
    ),
    leave: () => peeks.disconnect(),
  };
}

/** A list of which more is fetched a page at a time. */
function section(title, first, name, line, fetchMore) {
  const list = h("ul", { class: "rows" }, first[name].map(line));
  const problem = h("div");
  let { next } = first;
  const more = button({ hidden: next === null }, t("more"));
  more.addEventListener("click", () => attempt(problem, async () => {
    const page = await fetchMore(next);
    const lines = page[name].map(line);
    list.append(...lines);
    next = page.next;
    more.hidden = next === null;
    lines[0]?.querySelector("a")?.focus();
  }, { retry: true }));
  return h("section", {}, h("h2", {}, title), list, problem, h("div", { class: "actions centred" }, more));
}

/** A look at the first avatars of a job; where that fails, the line does without. */
async function peek(app, place) {
  const { avatars } = await app.api.avatars(place.dataset.job, null, PEEKED).catch(() => ({ avatars: [] }));
  place.append(...avatars.filter(({ link }) => link).map(({ link }) => h("img", { src: link, alt: "", width: 52, height: 52 })));
}

function jobLine(job, peeks) {
  const unbegun = job.status === "COLLECTING";
  const looks = h("span", { class: "peek", "data-job": job.job_id });
  if (job.status === "COMPLETED") peeks.observe(looks);
  return h("li", { class: "job-line" },
    h("a", { href: `#/jobs/${job.job_id}${unbegun ? "/photos" : ""}` },
      h("span", { class: "job-name" }, named("subjects", job.subject)),
      h("span", { class: "hint" }, moment(wallOf(job.created_at))),
    ),
    looks,
    h("span", { class: "chip", "data-status": job.status }, t(`jobs.status.${job.status}`)),
    job.reason && h("p", { class: "hint job-reason" }, said("reasons", job.code, job.reason)),
  );
}

function modelLine({ job_id: jobId, model_id: modelId, subject, trained_at: trainedAt }) {
  return h("li", { class: "job-line" },
    h("a", { href: `#/jobs/${jobId}/more` },
      h("span", { class: "job-name" }, named("subjects", subject)),
      h("span", { class: "hint" }, trainedAt ? t("jobs.trained", { when: moment(wallOf(trainedAt)) }) : ""),
    ),
    h("code", { class: "hint model-id" }, modelId),
    h("span", { class: "chip" }, t("jobs.useModel")),
  );
}
