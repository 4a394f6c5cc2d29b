// The avatars of a job: shown as they come, with links that are fetched again before they die.

import { Problem, pause } from "./api.js";
import { button, focusOn, h, icon, keep, say } from "./dom.js";
import { attempt, copy, openDialog, save, saveBlob } from "./parts.js";
import { named, t, timeOfDay } from "./texts.js";
import { zoom } from "./zoom.js";

const EARLY_SECONDS = 45;
const PACKING_PAUSE = 2000;
const LONGEST_PACKING = 300_000;
const REFETCH_PAUSE = 5000;

export class Gallery extends EventTarget {
  #app; #jobId; #avatars = new Map(); #next = null; #favouritesOnly = false; #fetchedAt = 0; #timer; #left = false;
  #list = h("ul", { class: "gallery", id: "gallery" });
  #count = h("p", { class: "hint", role: "status" });
  #empty = h("p", { class: "notice" }, t("gallery.noFavourites"));
  #problem = h("div");
  #more; #filter;

  constructor(app, jobId) {
    super();
    this.#app = app;
    this.#jobId = jobId;
    this.#more = button({ on: { click: () => attempt(this.#problem, () => this.#fetchMore(), { retry: true }) } }, t("more"));
    this.#filter = h("div", { class: "toggle", role: "group", "aria-label": t("gallery.filter") },
      [false, true].map((only) => button({ class: "pill", "aria-pressed": String(!only), on: { click: () => this.#show(only) } },
        only && icon("heart"), t(only ? "gallery.favourites" : "gallery.all"))));
    this.element = h("section", { class: "gallery-section", "aria-label": t("gallery.title"), hidden: true },
      h("div", { class: "row between" }, this.#count, this.#filter),
      h("p", { class: "hint" }, h("span", { class: "ai-mark" }, t("gallery.ai")), " ", t("gallery.aiWhy")),
      this.#problem, this.#empty, this.#list, h("div", { class: "actions centred" }, this.#more),
    );
  }

  /** The avatars that are shown, in order. */
  get shown() {
    const avatars = [...this.#avatars.values()].sort((a, b) => b.run - a.run || a.position - b.position);
    return this.#favouritesOnly ? avatars.filter(({ favourite }) => favourite) : avatars;
  }

  /** The kept ones among them, which can be looked at. */
  get kept() {
    return this.shown.filter(({ link }) => link);
  }

  /** Fetch what there is of a job, as it now stands. */
  async load({ status, run }) {
    if (["COLLECTING", "TRAINING"].includes(status) && run === 1) return;
    await attempt(this.#problem, () => this.#fetchShown(), { retry: true });
  }

  leave() {
    this.#left = true;
    clearTimeout(this.#timer);
  }

  async favour(avatar, favourite, place = this.#problem) {
    const before = avatar.favourite;
    this.#change(avatar, { favourite }); // at once; taken back where it fails
    const done = await attempt(place, () => this.#app.api.favour(avatar, this.#jobId, favourite), { retry: false });
    this.#change(avatar, done ? { favourite: done.favourite } : { favourite: before });
  }

  /** A link that still lives for a while. */
  async linkOf(avatar) {
    if (isOld(avatar)) await this.#refetch();
    return this.#avatars.get(nameOf(avatar)).link;
  }

  async download(avatar, place) {
    await attempt(place ?? this.#problem, async () => {
      const link = await this.linkOf(avatar);
      // Through a blob: a link to another origin would be opened instead of saved.
      const answer = await fetch(link).catch(() => null);
      if (answer?.ok) saveBlob(await answer.blob(), avatar.file);
      else window.open(link, "_blank", "noopener");
    });
  }

  /** Have all avatars packed, and save the archive. */
  async downloadAll(trigger, news) {
    if (trigger.getAttribute("aria-busy")) return;
    trigger.setAttribute("aria-busy", "true");
    const until = Date.now() + LONGEST_PACKING;
    try {
      let archive = await this.#app.api.archive(this.#jobId);
      while (archive.status === "packing") {
        say(news, t("gallery.packing"));
        if (Date.now() > until) throw new Problem({ code: "PACKING", sentence: t("gallery.packingLong"), remedy: t("problems.later") });
        await pause(PACKING_PAUSE);
        if (this.#left) return;
        archive = await this.#app.api.archive(this.#jobId);
      }
      if (this.#left) return;
      say(news, t("gallery.packed"));
      save(archive.link, "avatars.zip");
    } catch (problem) {
      say(news, "");
      throw problem;
    } finally {
      trigger.removeAttribute("aria-busy");
    }
  }

  async share(avatar, place) {
    await attempt(place ?? this.#problem, async () => {
      const { link, expires_at: until } = await this.#app.api.share(avatar, this.#jobId);
      showLink(link, until);
    });
  }

  async #fetchPage(next) {
    const page = await this.#app.api.avatars(this.#jobId, next);
    for (const avatar of page.avatars) this.#avatars.set(nameOf(avatar), avatar);
    this.#next = page.next;
    this.#fetchedAt = Date.now();
    this.#draw();
    this.#refetchInTime();
    return page;
  }

  async #fetchMore() {
    const { avatars } = await this.#fetchPage(this.#next);
    const first = this.shown.findIndex((avatar) => avatars.includes(avatar));
    if (first >= 0) focusOn(this.#list.children[first].querySelector(".thumb:not([hidden])") ?? this.#list.children[first]);
  }

  /** As many pages as are shown already, and at least the first one. */
  async #fetchShown() {
    const wanted = this.#avatars.size;
    let page = await this.#fetchPage(null);
    for (let seen = page.avatars.length; seen < wanted && page.next; seen += page.avatars.length) {
      page = await this.#fetchPage(page.next);
    }
  }

  /** New links for everything that is shown. */
  async #refetch() {
    if (Date.now() - this.#fetchedAt >= REFETCH_PAUSE) await this.#fetchShown();
  }

  #refetchInTime() {
    clearTimeout(this.#timer);
    const first = Math.min(...this.kept.map(({ expires_at: at }) => at));
    if (!Number.isFinite(first)) return;
    this.#timer = setTimeout(() => {
      if (!document.hidden) return attempt(this.#problem, () => this.#refetch(), { retry: true });
      document.addEventListener("visibilitychange", () => this.#refetchInTime(), { once: true });
    }, Math.max(REFETCH_PAUSE, (first - EARLY_SECONDS) * 1000 - Date.now()));
  }

  #show(favouritesOnly) {
    this.#favouritesOnly = favouritesOnly;
    [...this.#filter.children].forEach((choice, place) => choice.setAttribute("aria-pressed", String(Boolean(place) === favouritesOnly)));
    this.#draw();
  }

  #change(avatar, what) {
    const known = this.#avatars.get(nameOf(avatar));
    if (known) Object.assign(known, what);
    this.#draw();
    this.dispatchEvent(new Event("change"));
  }

  #draw() {
    const shown = this.shown;
    this.element.hidden = this.#avatars.size === 0;
    this.#empty.hidden = shown.length > 0;
    this.#more.hidden = this.#next === null;
    say(this.#count, t("gallery.count", { count: this.kept.length }));
    keep(this.#list, shown, nameOf, (avatar) => this.#tile(avatar));
  }

  #tile(first) {
    const name = nameOf(first);
    const style = named("styleNames", first.style);
    const current = () => this.#avatars.get(name);
    const picture = h("img", { loading: "lazy", decoding: "async", width: first.width ?? 512, height: first.height ?? 512 });
    picture.alt = t("gallery.alt", { place: first.position, style });
    picture.addEventListener("error", () => attempt(this.#problem, () => this.#refetch()));
    const open = button({ class: "thumb", on: { click: () => zoom(this, current()) } }, picture);
    const state = h("span", { class: "no-preview" });
    const heart = button({ class: "button round quiet heart", "aria-label": t("gallery.favourThis", { style, place: first.position }) }, icon("heart"));
    heart.addEventListener("click", () => this.favour(current(), !current().favourite));
    const element = h("li", { class: "tile" }, open, state,
      h("div", { class: "tile-foot" },
        h("p", { class: "tile-style" }, style, first.ai_generated && h("span", { class: "ai-mark" }, t("gallery.ai"))), heart));
    const update = (avatar) => {
      const there = Boolean(avatar.link);
      open.hidden = heart.hidden = !there;
      state.hidden = there;
      if (!there) return say(state, t(avatar.status === "missing" ? "gallery.missing" : "gallery.due"));
      const kept = this.kept;
      open.setAttribute("aria-label", t("gallery.open", { style, place: kept.indexOf(avatar) + 1, count: kept.length }));
      heart.setAttribute("aria-pressed", String(avatar.favourite));
      // A picture that is loaded stays, whatever becomes of its link.
      if (!picture.src || !picture.complete || !picture.naturalWidth) {
        if (picture.dataset.link !== avatar.link) picture.src = picture.dataset.link = avatar.link;
      }
    };
    return { element, update };
  }
}

function nameOf({ run, position }) {
  return `${run}/${position}`;
}

function isOld({ expires_at: at }) {
  return at - EARLY_SECONDS < Date.now() / 1000;
}

function showLink(link, until) {
  const field = h("input", { type: "text", readonly: true, id: "share-link", "aria-label": t("share.link") });
  field.value = link;
  field.addEventListener("focus", () => field.select());
  const news = h("p", { class: "hint", role: "status" });
  openDialog({
    id: "sharing",
    closable: true,
    title: t("share.title"),
    content: [h("p", {}, t("share.text", { until: timeOfDay(until) })), field, news],
    actions: [
      navigator.share && button({ on: { click: () => navigator.share({ url: link }).catch(() => {}) } }, t("share.send")),
      button({ class: "button strong", id: "copy-link", on: { click: async () => (await copy(link, news)) || field.focus() } }, icon("copy"), t("share.copy")),
    ],
  });
}
