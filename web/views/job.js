// One job: how it stands while it is made, and its avatars.

import { stylePicture } from "../chooser.js";
import { wallOf, wallSeconds } from "../clock.js";
import { button, h, icon, say } from "../dom.js";
import { forgetDraft } from "../draft.js";
import { Gallery } from "../gallery.js";
import { offerOf } from "../offer.js";
import { alertFor, attempt, copy, openDialog, steps } from "../parts.js";
import { Polling } from "../polling.js";
import { duration, moment, named, said, t } from "../texts.js";

const STAGES = ["COLLECTING", "TRAINING", "INFERRING", "KEEPING", "COMPLETED"];
const ENDED = ["COMPLETED", "FAILED", "NEEDS_ATTENTION"];

export default async function view(app, jobId) {
  const [offer, first] = await Promise.all([app.offer(), app.api.job(jobId)]);
  let job = first;
  const gallery = new Gallery(app, jobId);
  const heading = h("h1");
  const ordered = h("p", { class: "hint" });
  const way = h("div");
  const progress = h("section", { class: "progress", "aria-label": t("steps.avatars") });
  const stages = h("ol", { class: "stages" });
  const sentence = h("p", { class: "sentence", role: "status", id: "sentence" });
  const estimate = h("div", { class: "estimate" });
  const trouble = h("div", { role: "status" });
  const outcome = h("div");
  const problem = h("div");
  const actions = h("div", { class: "actions" });
  const copied = h("span", { role: "status" });
  const wanted = h("div", { class: "wanted" });
  const now = h("div", { class: "now" }, sentence, estimate, trouble,
    h("p", { class: "hint" }, t("job.closeIt")),
    h("div", { class: "row" },
      button({ class: "button small", on: { click: () => copy(location.href, copied) } }, icon("copy"), t("job.copyAddress")), copied),
  );
  progress.append(stages, h("div", { class: "making" }, now, wanted));

  const update = () => {
    const making = !isOver(job, jobId);
    const headline = headingOf(job, making);
    if (heading.isConnected && heading.textContent !== headline) {
      document.title = t("title", { view: headline });
      if (!making) app.tell(headline);
    }
    say(heading, headline);
    say(ordered, t("job.ordered", { subject: named("subjects", job.subject), when: moment(wallOf(job.created_at)) }));
    way.hidden = !making || isUnbegun(job) || job.run > 1;
    progress.hidden = !making;
    drawStages(stages, job, offerOf(offer, job.provider));
    say(sentence, making ? sentenceOf(job) : "");
    drawEstimate(estimate, job);
    drawWanted(wanted, job);
    drawOutcome(outcome, job, making);
    drawActions(actions, job, making, { app, gallery, problem, remove });
  };
  const remove = () => confirmErasure(app, jobId, () => polling?.stop());

  let seen = "";
  const look = async () => {
    job = await app.api.job(jobId);
    if (job.status !== "COLLECTING") forgetDraft(jobId);
    const state = JSON.stringify([job.status, job.run, job.waiting, job.avatars, job.photos.length]);
    const changed = state !== seen;
    seen = state;
    if (changed) {
      update();
      await gallery.load(job);
    }
    drawEstimate(estimate, job); // what is left of it changes while nothing else does
    return isOver(job, jobId) ? "end" : changed;
  };

  way.append(steps("avatars"));
  update();
  const polling = new Polling(look, {
    most: 12_000,
    onTrouble: (gone) => {
      if (gone?.status === 404) {
        polling.stop();
        return problem.replaceChildren(alertFor(gone));
      }
      trouble.replaceChildren(...(gone ? [h("p", { class: "notice" }, t("job.trouble", { sentence: gone.sentence ?? gone.message }))] : []));
    },
  });
  return {
    title: heading.textContent,
    element: h("div", { class: "job" },
      way,
      h("div", { class: "job-head" }, h("div", {}, heading, ordered), actions),
      problem, progress, outcome, gallery.element,
    ),
    leave: () => {
      polling.stop();
      gallery.leave();
    },
  };
}

/** Whether there is nothing more to wait for; a run that was asked for just now has yet to show. */
function isOver(job, jobId) {
  const name = `avatars.awaited ${jobId}`;
  const awaited = Number(sessionStorage.getItem(name));
  if (job.run >= awaited) sessionStorage.removeItem(name);
  return ENDED.includes(job.status) && job.run >= awaited;
}

/** Whether somebody has to go on with the photos; not where they have just asked to begin. */
function isUnbegun({ job_id: jobId, status, waiting }) {
  const begun = `avatars.begun ${jobId}`;
  if (status !== "COLLECTING") sessionStorage.removeItem(begun);
  return waiting?.for === "PHOTOS" && !sessionStorage.getItem(begun);
}

function headingOf(job, making) {
  if (making && isUnbegun(job)) return t("job.collecting");
  if (making) return t(job.run > 1 || ENDED.includes(job.status) ? "job.makingMore" : "job.making");
  return t({ COMPLETED: "job.ready", FAILED: "job.failed", NEEDS_ATTENTION: "job.attention" }[job.status]);
}

function sentenceOf(job) {
  const { waiting } = job;
  if (!waiting) return t("loading");
  if (waiting.for === "PHOTOS" && !isUnbegun(job)) return t("job.beginning");
  const known = said("job.sentences", waiting.for, waiting.sentence);
  return waiting.ahead ? `${known} ${t("job.ahead", { count: waiting.ahead })}` : known;
}

function drawStages(list, { status }, { trains }) {
  const shown = STAGES.filter((stage) => trains || stage !== "TRAINING");
  const now = shown.indexOf(status);
  list.replaceChildren(...shown.map((stage, place) => h("li", {
    class: place < now ? "done" : "", "aria-current": place === now && "step",
  }, place < now && h("span", { class: "tick" }, icon("check")), t(`job.stages.${stage}`),
  place < now && h("span", { class: "unseen" }, ` (${t("steps.done")})`))));
}

function drawEstimate(place, { estimate, status }) {
  const isAtProvider = ["TRAINING", "INFERRING"].includes(status); // all else takes seconds, or is for others to do
  if (!estimate) return place.replaceChildren(...(isAtProvider ? [h("p", { class: "hint" }, t("job.noEstimate"))] : []));
  const [about, least, most] = [estimate.seconds, estimate.least, estimate.most].map((seconds) => duration(wallSeconds(seconds)));
  place.replaceChildren(
    h("p", { class: "about" }, t("job.estimate", { about })),
    h("p", { class: "hint" }, least === most ? "" : `${t("job.range", { least, most })}. `,
      estimate.jobs ? t("job.estimateFrom", { count: estimate.jobs }) : t("job.estimateProvider")),
  );
}

/** What was ordered, which is known while nothing is there to be seen yet. */
function drawWanted(place, { prompts, run }) {
  const state = JSON.stringify([run, prompts]);
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  place.replaceChildren(
    h("h2", {}, t("job.wanted")),
    h("ul", {}, prompts.map(({ style, count }) =>
      h("li", {}, stylePicture(style), t("job.wantedLine", { count, style: named("styleNames", style) })))),
  );
}

function drawOutcome(place, job, making) {
  place.replaceChildren();
  const { wanted, kept } = job.avatars;
  if (making) return;
  if (job.status === "COMPLETED") {
    if (kept < wanted) place.append(h("p", { class: "notice" }, t("job.partial", { count: kept, wanted })));
    return;
  }
  place.append(h("div", { class: "alert" }, icon("alert"), h("div", {},
    h("p", { class: "alert-sentence" }, said("reasons", job.code, job.reason)),
    job.status === "NEEDS_ATTENTION" && h("p", {}, t("job.operator")),
    h("p", { class: "hint" }, t("job.code", { code: job.code })),
    job.status === "FAILED" && h("a", { class: "button small", href: "#/new" }, t("job.retryNew")),
  )));
}

function drawActions(place, job, making, { gallery, problem, remove }) {
  const state = `${job.status} ${making} ${job.model_id} ${job.avatars.kept}`;
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  const collecting = making && isUnbegun(job);
  const packing = h("span", { role: "status", class: "hint" });
  place.replaceChildren(
    ...[
      collecting && h("a", { class: "button strong", href: `#/jobs/${job.job_id}/photos` }, t("job.addPhotos")),
      !making && job.avatars.kept > 0 && button({ class: "button strong", id: "download-all", on: { click: ({ currentTarget: trigger }) => attempt(problem, () => gallery.downloadAll(trigger, packing), { retry: true }) } },
        icon("download"), t("gallery.downloadAll")),
      !making && job.model_id && h("a", { class: "button", id: "more", href: `#/jobs/${job.job_id}/more` }, icon("plus"), t("gallery.makeMore")),
      button({ class: "button quiet danger", id: "erase", on: { click: remove } }, icon("bin"), t("gallery.remove")),
      packing,
    ].filter(Boolean),
  );
}

/** Asks, deletes, and shows the receipt. */
function confirmErasure(app, jobId, onErased) {
  const problem = h("div");
  const erase = button({ class: "button danger-strong", id: "erase-now" }, t("erase.confirm"));
  const { close } = openDialog({
    id: "erasure",
    title: t("erase.title"),
    content: [h("p", {}, t("erase.text")), problem],
    actions: [button({ autofocus: true, on: { click: () => close() } }, t("cancel")), erase],
  });
  erase.addEventListener("click", async () => {
    if (erase.getAttribute("aria-busy")) return;
    erase.setAttribute("aria-busy", "true");
    await attempt(problem, async () => {
      const receipt = await app.api.erase(jobId);
      onErased();
      sessionStorage.setItem("avatars.receipt", JSON.stringify(receipt));
      for (const kept of ["draft", "more"]) localStorage.removeItem(`avatars.${kept} ${jobId}`);
      close();
      app.go("#/receipt");
    });
    erase.removeAttribute("aria-busy");
  });
}
