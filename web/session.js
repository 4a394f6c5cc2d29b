// Who is signed in: OpenID Connect, authorization code with PKCE, as a public client.

import { noAnswer } from "./api.js";

const TOKENS = "avatars.tokens";
const PENDING = "avatars.signing-in ";
const PENDING_SECONDS = 3600;
const EARLY_SECONDS = 60;

/** The library is fetched only where somebody signs in, or a token has to be renewed. */
const library = () => import("./vendor/oauth4webapi.js");

/**
 * Tokens live in this tab's session storage: a reload keeps them, closing the tab signs out. Where
 * the issuer does not renew a token, "expired" is told and `token()` waits: whoever called goes on
 * as soon as the person has signed in again, in a window of its own. Where the issuer does not
 * answer, `token()` throws a Problem.
 */
export class Session extends EventTarget {
  #config; #server = null; #tokens; #waiting = []; #renewing = null; #attempt = null;
  #channel = new BroadcastChannel("avatars.session");

  constructor(config) {
    super();
    this.#config = config;
    this.#tokens = JSON.parse(sessionStorage.getItem(TOKENS) ?? "null");
    this.#channel.addEventListener("message", ({ data }) => {
      // Only the window that has begun this attempt, and still waits for it.
      if (!this.#waiting.length || data.state !== this.#attempt) return;
      // What is on this page belongs to whoever signed in first.
      if (isSomebodyElse(data.tokens, this.#tokens)) return this.dispatchEvent(new Event("somebody-else"));
      this.#take(data.tokens);
    });
  }

  get signedIn() {
    return this.#tokens !== null;
  }

  /** Go to the sign-in page; `finish` comes back to *returnTo*, a fragment of this page. */
  async begin(returnTo) {
    location.assign(await this.#authorizeUrl({ returnTo }));
  }

  /** Sign in again in another window, so that nothing on this page is lost. */
  async beginBeside() {
    // Opened at once, or the browser would not believe that a person asked for it.
    const beside = window.open("", "avatars-sign-in", "popup,width=480,height=680");
    const url = await this.#authorizeUrl({ returnTo: location.hash, beside: beside !== null });
    this.#attempt = url.searchParams.get("state");
    if (beside) beside.location = url;
    else location.assign(url);
  }

  /**
   * Whether *url* is the way back from the sign-in page: "back" with where to go, "beside" in the
   * window of `beginBeside`, or null. Throws where the sign-in has failed.
   */
  async finish(url) {
    const state = url.searchParams.get("state");
    if (!state || !(url.searchParams.has("code") || url.searchParams.has("error"))) return null;
    const pending = JSON.parse(localStorage.getItem(PENDING + state) ?? "null");
    localStorage.removeItem(PENDING + state);
    if (!pending) throw new Error("This sign-in was not begun here, or took too long.");
    const oauth = await library();
    const [server, client] = await this.#parties(oauth);
    const answered = await oauth.authorizationCodeGrantRequest(
      server, client, oauth.None(), oauth.validateAuthResponse(server, client, url, state),
      redirectUri(), pending.verifier, this.#options(oauth),
    );
    const granted = await oauth.processAuthorizationCodeResponse(server, client, answered, {
      expectedNonce: pending.nonce,
    });
    this.#take({ ...tokensOf(granted), sub: oauth.getValidatedIdTokenClaims(granted)?.sub });
    if (pending.beside) this.#channel.postMessage({ state, tokens: this.#tokens });
    return { how: pending.beside ? "beside" : "back", returnTo: pending.returnTo };
  }

  /** A token for the API; waits until somebody has signed in where there is none. */
  async token() {
    if (this.#tokens && this.#tokens.expires_at > Date.now() / 1000 + EARLY_SECONDS) {
      return this.#tokens.access_token;
    }
    return this.renew(this.#tokens?.access_token);
  }

  /** Another token than *refused*; see `token`. */
  async renew(refused) {
    if (this.#tokens && this.#tokens.access_token !== refused) return this.#tokens.access_token;
    this.#renewing ??= this.#renewInSilence().finally(() => (this.#renewing = null));
    if (await this.#renewing) return this.#tokens.access_token;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.dispatchEvent(new Event("expired"));
    });
  }

  /** Forget the tokens here, and leave by the issuer's sign-out page where there is one. */
  async signOut() {
    this.#tokens = null;
    sessionStorage.clear();
    const leave = this.#config.logout ?? (await this.#parties(await library()).catch(() => []))[0]?.end_session_endpoint;
    if (!leave) return location.assign(redirectUri());
    const url = new URL(leave);
    url.searchParams.set("client_id", this.#config.client_id);
    url.searchParams.set("logout_uri", redirectUri()); // Cognito's name for it
    url.searchParams.set("post_logout_redirect_uri", redirectUri()); // OpenID Connect's
    location.assign(url);
  }

  async #renewInSilence() {
    if (!this.#tokens?.refresh_token) return false;
    try {
      const oauth = await library();
      const [server, client] = await this.#parties(oauth);
      const answered = await oauth.refreshTokenGrantRequest(
        server, client, oauth.None(), this.#tokens.refresh_token, this.#options(oauth),
      );
      const granted = await oauth.processRefreshTokenResponse(server, client, answered);
      this.#take({ ...this.#tokens, ...tokensOf(granted) });
      return true;
    } catch (error) {
      if (isRefusal(error)) return false;
      throw noAnswer();
    }
  }

  async #authorizeUrl(pending) {
    forgetOldAttempts();
    const oauth = await library();
    const [server] = await this.#parties(oauth);
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    // In local storage: it may be another window that comes back.
    localStorage.setItem(PENDING + state, JSON.stringify({ ...pending, verifier, nonce, at: Date.now() }));
    const url = new URL(server.authorization_endpoint);
    const asked = {
      response_type: "code",
      client_id: this.#config.client_id,
      redirect_uri: redirectUri(),
      scope: this.#config.scope,
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ui_locales: document.documentElement.lang,
      lang: document.documentElement.lang, // Cognito's name for it
    };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    return url;
  }

  #take(tokens) {
    this.#tokens = tokens;
    sessionStorage.setItem(TOKENS, JSON.stringify(tokens));
    for (const resolve of this.#waiting.splice(0)) resolve(tokens.access_token);
    this.dispatchEvent(new Event("signed-in"));
  }

  /** The issuer and the page itself; an issuer whose doors are not configured is asked for them. */
  async #parties(oauth) {
    const { issuer, authorize, token, client_id } = this.#config;
    this.#server ??= authorize && token
      ? { issuer, authorization_endpoint: authorize, token_endpoint: token }
      : await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), this.#options(oauth)));
    return [this.#server, { client_id }];
  }

  /** Without TLS on this machine only, where the local stack is. */
  #options(oauth) {
    return { [oauth.allowInsecureRequests]: ["127.0.0.1", "localhost"].includes(location.hostname) };
  }
}

function tokensOf({ access_token, refresh_token, expires_in = 3600 }) {
  const tokens = { access_token, expires_at: Date.now() / 1000 + expires_in };
  return refresh_token ? { ...tokens, refresh_token } : tokens;
}

function isSomebodyElse({ sub }, before) {
  return before?.sub !== undefined && sub !== before.sub;
}

/** Whether the issuer has answered that it does not renew; a line that is down says nothing of that. */
function isRefusal({ status, cause }) {
  const answered = status ?? cause?.status; // of an error in JSON, or of whatever else came
  return answered >= 400 && answered < 500 && answered !== 429;
}

function redirectUri() {
  return new URL("./", location.href.split(/[?#]/)[0]).href;
}

function forgetOldAttempts() {
  for (const name of Object.keys(localStorage).filter((name) => name.startsWith(PENDING))) {
    const { at } = JSON.parse(localStorage.getItem(name));
    if (Date.now() - at > PENDING_SECONDS * 1000) localStorage.removeItem(name);
  }
}
