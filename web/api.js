// The HTTP API: every call with the session's token, every failure as a Problem that says what to do.

import { t, said } from "./texts.js";

const TRIES = 4;
const FIRST_PAUSE = 600;
const TIMEOUT = 30_000;
const LONGEST_PAUSE = 30_000;

/** What went wrong: a `sentence` for people, the `remedy`, the HTTP `status` (0: no answer) and `code`. */
export class Problem extends Error {
  constructor({ status = 0, code = "NETWORK", sentence, remedy, retryAfter = null }) {
    super(sentence);
    Object.assign(this, { status, code, sentence, remedy, retryAfter });
  }
}

export class Api {
  #base; #session;

  constructor(base, session) {
    this.#base = base.replace(/\/$/, "");
    this.#session = session;
  }

  styles = () => this.#call("GET", "/styles");
  jobs = (next) => this.#call("GET", `/jobs${query({ limit: 12, next })}`);
  models = (next) => this.#call("GET", `/models${query({ limit: 12, next })}`);
  job = (id) => this.#call("GET", `/jobs/${path(id)}`);
  avatars = (id, next, limit = 50) => this.#call("GET", `/jobs/${path(id)}/avatars${query({ limit, next })}`);
  archive = (id) => this.#call("GET", `/jobs/${path(id)}/archive`);
  order = (order) => this.#call("POST", "/jobs", order);
  start = (id) => this.#call("POST", `/jobs/${path(id)}/start`);
  more = (id, prompts) => this.#call("POST", `/jobs/${path(id)}/avatars`, { prompts });
  favour = ({ run, position }, id, favourite) =>
    this.#call("PATCH", `/jobs/${path(id)}/avatars/${run}/${position}`, { favourite });
  share = ({ run, position }, id) => this.#call("POST", `/jobs/${path(id)}/avatars/${run}/${position}/share`);
  erase = (id) => this.#call("DELETE", `/jobs/${path(id)}`);

  async #call(method, route, body) {
    const action = method === "GET" ? null : new Action(`${method} ${route} ${JSON.stringify(body) ?? ""}`);
    for (let tries = 1; ; tries += 1) {
      try {
        const answer = await this.#send(method, route, body, action?.key);
        action?.settle();
        return answer;
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        const passing = isPassing(problem);
        if (!passing && problem.status < 500) action?.settle();
        if (!passing || tries === TRIES) throw problem;
        await pause(Math.min((problem.retryAfter ?? 0) * 1000 || FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE));
      }
    }
  }

  async #send(method, route, body, key) {
    let token = await this.#session.token();
    let response = await this.#fetch(method, route, body, key, token);
    if (response.status === 401) {
      // Renewed in silence, or by the person in another window: this call waits and goes on.
      token = await this.#session.renew(token);
      response = await this.#fetch(method, route, body, key, token);
    }
    if (response.ok) return readJson(response);
    throw await problemOf(response);
  }

  async #fetch(method, route, body, key, token) {
    const headers = { Authorization: `Bearer ${token}` };
    if (key) headers["Idempotency-Key"] = key;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      return await fetch(this.#base + route, {
        method, headers, body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT), cache: "no-store",
      });
    } catch {
      throw noAnswer();
    }
  }
}

/** A write, and the key by which the API knows it again: kept until it is certain what became of it. */
class Action {
  #name;

  constructor(what) {
    this.#name = `avatars.action ${what}`;
    this.key = sessionStorage.getItem(this.#name) ?? crypto.randomUUID();
    sessionStorage.setItem(this.#name, this.key);
  }

  settle() {
    sessionStorage.removeItem(this.#name);
  }
}

/** The problem of having no answer at all. */
export function noAnswer() {
  return new Problem({
    sentence: t(navigator.onLine ? "problems.noAnswer" : "problems.offline"),
    remedy: t("problems.noAnswerRemedy"),
  });
}

export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function isPassing({ status, code }) {
  // API Gateway asks to slow down without a code; the API's own limits have one, and are final.
  return [0, 502, 503, 504].includes(status) || status === 429 && code === "HTTP_429" || code === "IDEMPOTENCY_KEY_IN_USE";
}

async function readJson(response) {
  try {
    return await response.json();
  } catch {
    throw noAnswer();
  }
}

async function problemOf(response) {
  const { status } = response;
  const told = await response.json().catch(() => ({}));
  const code = told.code ?? `HTTP_${status}`;
  const fields = (told.errors ?? []).map(({ field, problem }) => `${field}: ${problem}`);
  return new Problem({
    status,
    code,
    sentence: [said("problems.codes", code, told.detail ?? told.title ?? t("problems.unknown", { status })), ...fields].join(" "),
    remedy: said("problems.remedies", code, told.remedy ?? t(status >= 500 || status === 429 ? "problems.later" : "problems.reload")),
    retryAfter: Number(response.headers.get("Retry-After")) || null,
  });
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return `?${new URLSearchParams(given)}`;
}

const path = encodeURIComponent;
