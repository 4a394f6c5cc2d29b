// An order in the making: photos on their way and judged, who is on them, and what is wanted.

import { FormExpired, upload } from "./uploads.js";
import { Problem, pause } from "./api.js";
import { offerOf } from "./offer.js";
import { Polling } from "./polling.js";
import { bytes, t } from "./texts.js";

const KEPT = "avatars.draft ";
const AT_ONCE = 4;
const TRIES = 4;
const FORM_SECONDS = 840; // they live for 900
const PREVIEW_SIDE = 400;
const NAME_LENGTH = 120;

const TYPES = {
  jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", heic: "image/heic", heif: "image/heif",
  webp: "image/webp", avif: "image/avif",
};

/** Drafts of this visit, by job: the photos that are not sent yet exist nowhere else. */
const drafts = new Map();

/** The draft that has no job yet. */
let newest = null;

window.addEventListener("beforeunload", (event) => {
  if ([newest, ...drafts.values()].some((draft) => draft?.unsent && !draft.started)) event.preventDefault();
});

/**
 * A photo of a draft is `{file, type, blob, preview, status, share, problem, verdict}`; `status` is
 * one of waiting, sending, checking, failed (with a Problem), or judged (with the API's verdict).
 * `problem` is what became of the order, `trouble` of asking for verdicts, which goes on by itself.
 * "change" is told whenever anything of the draft has changed.
 */
export class Draft extends EventTarget {
  photos = [];
  advice = [];
  problem = null;
  trouble = null;
  jobId = null;
  started = false;
  subject = null;
  prompts = null;
  /** The version of the text that everybody on the photos agrees to; null until that is said. */
  consent = null;

  #api; #offer; #folder; #forms = new Map(); #formsUntil = 0; #ordering = null; #sending = 0; #polling = null;
  #ordered = "";

  constructor(api, offer) {
    super();
    this.#api = api;
    this.#offer = offer;
    this.#folder = `${new Date().toISOString().slice(0, 10)}-${crypto.randomUUID().slice(0, 8)}`;
  }

  /** The draft that somebody has come back to before it had a job, or an empty one. */
  static fresh(api, offer) {
    if (newest === null || newest.jobId !== null) newest = new Draft(api, offerOf(offer));
    return newest;
  }

  /** The draft of a job that has not begun, as far as it is known here and to the API. */
  static async of(jobId, api, offer) {
    const job = await api.job(jobId);
    const draft = drafts.get(jobId) ?? new Draft(api, offerOf(offer, job.provider));
    if (draft.jobId === null) draft.#restore(job);
    draft.#learn(job);
    return draft;
  }

  /** What its provider can; see `offerOf`. */
  get offer() {
    return this.#offer;
  }

  get limits() {
    return this.#offer.limits;
  }

  get accepted() {
    return this.photos.filter(({ verdict }) => verdict?.status === "accepted").length;
  }

  /** Photos that are, or may still become, part of the set. */
  get usable() {
    return this.photos.filter((photo) => !isOut(photo));
  }

  get pending() {
    return this.photos.filter(({ status }) => ["waiting", "sending"].includes(status)).length;
  }

  /** How many photos would be lost with the page. */
  get unsent() {
    return this.photos.filter(({ blob }) => blob).length;
  }

  get checking() {
    return this.photos.filter(({ status }) => status === "checking").length;
  }

  /** Take photos in; returns those that cannot be, each with the reason: `[{name, reason}]`. */
  add(files) {
    const refused = [];
    for (const blob of files) {
      const reason = this.#refusal(blob);
      if (reason) {
        refused.push({ name: blob.name, reason });
        continue;
      }
      const type = typeOf(blob);
      const photo = { file: this.#nameFor(blob.name, type), type, blob, status: "waiting", share: 0 };
      this.photos.push(photo);
      drawPreview(photo).then(() => this.#changed());
    }
    this.#changed();
    this.send();
    return refused;
  }

  /** Leave out a photo that never arrived. */
  drop(photo) {
    this.photos = this.photos.filter((other) => other !== photo);
    URL.revokeObjectURL(photo.preview);
    if (!this.photos.some(({ status }) => status === "failed")) this.problem = null;
    this.#changed();
  }

  /** Try again whatever has failed, or waits. */
  async send() {
    for (const photo of this.photos) {
      if (photo.status === "failed") Object.assign(photo, { status: "waiting", problem: null });
    }
    if (!this.#waiting().length || this.usable.length < this.limits.least_photos) return this.#changed();
    const ordering = this.#order();
    try {
      await ordering;
    } catch (problem) {
      // Those that a newer order holds are not given up yet.
      if (ordering === this.#ordering) {
        this.problem = told(problem);
        for (const photo of this.#waiting()) Object.assign(photo, { status: "failed", problem: this.problem });
      }
      return this.#changed();
    }
    while (this.#sending < AT_ONCE && this.#ready().length) this.#sendNext();
  }

  /** Keep what is wanted, so that it is there when the page is opened again. */
  choose({ subject, prompts }) {
    Object.assign(this, { subject, prompts });
    this.#persist();
  }

  /** Order what was chosen with the photos that are there, and begin. */
  async begin() {
    await this.#order();
    await this.#api.start(this.jobId);
    sessionStorage.setItem(`avatars.begun ${this.jobId}`, "1");
    this.started = true;
    this.stopWatching();
  }

  /** Ask for verdicts as long as somebody is looking. */
  watch() {
    if (this.#polling || this.jobId === null) return;
    this.#polling = new Polling(() => this.#look(), {
      least: 700, most: 8000,
      onTrouble: (trouble) => {
        this.trouble = trouble;
        this.#changed();
      },
    });
  }

  stopWatching() {
    this.#polling?.stop();
    this.#polling = null;
  }

  async #look() {
    const before = this.checking;
    if (before) this.#learn(await this.#api.job(this.jobId));
    if (!this.checking && !this.pending) {
      this.#polling = null;
      return "end";
    }
    return this.checking !== before;
  }

  /** The order as it stands now, once per state of the draft; also gets the forms. */
  #order() {
    // One at a time, or an older order might be the last to arrive.
    this.#ordering = (this.#ordering ?? Promise.resolve()).catch(() => {}).then(() => this.#orderNow());
    return this.#ordering;
  }

  async #orderNow() {
    const order = {
      photos: this.usable.map(({ file, type }) => (type ? { file, type } : { file })),
      folder: this.#folder,
      hold: true,
      provider: this.#offer.name,
      ...(this.subject && { subject: this.subject }),
      ...(this.prompts?.length && { prompts: this.prompts }),
      ...(this.consent && { consent: { subject_agrees: true, text_version: this.consent } }),
    };
    const wanted = JSON.stringify(order);
    const formsLast = !this.pending || Date.now() < this.#formsUntil;
    if (wanted === this.#ordered && formsLast) return;
    const { job, uploads } = await this.#api.order(order);
    this.#ordered = wanted;
    this.#forms = new Map(uploads.map((form) => [form.file, form]));
    this.#formsUntil = Date.now() + FORM_SECONDS * 1000;
    this.problem = null;
    this.jobId = job.job_id;
    drafts.set(this.jobId, this);
    this.#persist();
    this.#changed();
  }

  async #sendNext() {
    const [photo] = this.#ready();
    this.#sending += 1;
    Object.assign(photo, { status: "sending", share: 0 });
    this.#changed();
    try {
      await this.#sendWithPatience(photo);
      photo.status = "checking";
      photo.blob = null;
    } catch (problem) {
      Object.assign(photo, { status: "failed", problem: told(problem) });
    } finally {
      this.#sending -= 1;
    }
    this.#persist();
    this.#changed();
    this.watch();
    if (this.#ready().length) this.#sendNext();
  }

  async #sendWithPatience(photo) {
    for (let tries = 1; ; tries += 1) {
      try {
        if (Date.now() >= this.#formsUntil) await this.#order();
        return await upload(this.#forms.get(photo.file), photo.blob, (share) => {
          photo.share = share;
          this.#changed();
        });
      } catch (problem) {
        if (problem instanceof FormExpired) {
          this.#formsUntil = 0;
          if (tries < TRIES) continue;
          throw new Problem({ status: 403, code: "FORM_REFUSED", sentence: t("upload.formRefused"), remedy: t("upload.formRefusedRemedy") });
        }
        if (!(problem instanceof Problem) || problem.status >= 400 || tries === TRIES) throw problem;
        photo.share = 0;
        await pause(800 * 2 ** (tries - 1));
      }
    }
  }

  /** What the API says of the photos. */
  #learn(job) {
    const known = new Map(this.photos.map((photo) => [photo.file, photo]));
    for (const verdict of job.photos) {
      const photo = known.get(verdict.file);
      if (photo) Object.assign(photo, { verdict, status: "judged", blob: null, problem: null });
      else this.photos.push({ file: verdict.file, status: "judged", share: 1, verdict });
    }
    this.advice = job.advice;
    this.started = job.status !== "COLLECTING";
    this.#persist();
    this.#changed();
  }

  #restore(job) {
    const kept = JSON.parse(localStorage.getItem(KEPT + job.job_id) ?? "{}");
    this.jobId = job.job_id;
    this.#folder = job.folder;
    this.subject = kept.subject ?? null;
    this.prompts = kept.prompts ?? null;
    // Sent before the page was closed, and not judged yet when it was.
    this.photos = (kept.sent ?? []).map(({ file, type }) => ({ file, type, status: "checking", share: 1 }));
    drafts.set(this.jobId, this);
  }

  #persist() {
    if (this.jobId === null) return;
    const sent = this.photos.filter(({ status }) => status === "checking").map(({ file, type }) => ({ file, type }));
    localStorage.setItem(KEPT + this.jobId, JSON.stringify({ subject: this.subject, prompts: this.prompts, sent }));
  }

  #waiting() {
    return this.photos.filter(({ status }) => status === "waiting");
  }

  /** Those that can be sent: one that was added a moment ago has no form yet. */
  #ready() {
    return this.#waiting().filter(({ file }) => this.#forms.has(file));
  }

  #refusal(blob) {
    const { photo_types: types, photo_bytes: most, most_photos: count } = this.limits;
    if (!types.includes(typeOf(blob))) return t("photos.refused.type");
    if (blob.size > most) return t("photos.refused.size", { size: bytes(blob.size), most: bytes(most) });
    if (blob.size === 0) return t("photos.refused.empty");
    if (this.usable.length >= count) return t("photos.refused.count", { count });
    return null;
  }

  /** A name that the API takes and no other photo has: cameras call every photo image.jpg. */
  #nameFor(name, type) {
    const end = /\.\w+$/.exec(name)?.[0] ?? `.${Object.entries(TYPES).find(([, other]) => other === type)[0]}`;
    // Controls, separators, and what turns the direction of writing.
    const unfit = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069/\\]/gu;
    const stem = name.slice(0, name.length - (name.endsWith(end) ? end.length : 0)).replace(unfit, "").replace(/^\.+/, "");
    const base = stem.slice(0, NAME_LENGTH).trim() || "photo";
    const taken = new Set(this.photos.map(({ file }) => file));
    let free = base + end;
    for (let count = 2; taken.has(free); count += 1) free = `${base}-${count}${end}`;
    return free;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Forget the draft of a job that has really begun: until then it may have to be gone on with. */
export function forgetDraft(jobId) {
  for (const { preview } of drafts.get(jobId)?.photos ?? []) URL.revokeObjectURL(preview);
  drafts.delete(jobId);
  localStorage.removeItem(KEPT + jobId);
}

/** Whether a photo will not be part of the set. */
export function isOut({ status, verdict }) {
  return status === "failed" || (status === "judged" && verdict.status !== "accepted");
}

/** Whatever was thrown, as a Problem to show. */
function told(problem) {
  if (problem instanceof Problem) return problem;
  console.error(problem);
  return new Problem({ code: "PAGE", sentence: t("problems.bug", { message: problem.message }), remedy: t("problems.reload") });
}

function typeOf({ type, name }) {
  if (Object.values(TYPES).includes(type)) return type;
  return TYPES[name.split(".").pop().toLowerCase()] ?? null;
}

/** A small picture of the photo, upright; none where the browser cannot read its format. */
async function drawPreview(photo) {
  try {
    const picture = await createImageBitmap(photo.blob, {
      imageOrientation: "from-image", resizeWidth: PREVIEW_SIDE, resizeQuality: "medium",
    });
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
    photo.preview = URL.createObjectURL(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 }));
  } catch {
    photo.preview = null;
  }
}
