// What the page says, in the reader's language where it knows it, and how numbers and times read.

/** The languages that have a file in texts/; English fills in what another one leaves out. */
const LANGUAGES = ["en"];

let chosen, english, language;

/** Choose the language and load its texts. */
export async function loadTexts(wanted = navigator.languages ?? [navigator.language]) {
  const known = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  language = known.find((tag) => LANGUAGES.includes(tag)) ?? "en";
  english = (await import("./texts/en.js")).default;
  chosen = language === "en" ? english : (await import(`./texts/${language}.js`)).default;
  document.documentElement.lang = language;
}

/**
 * A text by its path ("photos.title"), with `{name}` filled in. One with `one` and `other` (and
 * what else the language's plurals need) is chosen by `count`.
 */
export function t(path, values = {}) {
  const text = find(chosen, path) ?? find(english, path) ?? path;
  const form = typeof text === "string" ? text : (text[plural(values.count)] ?? text.other);
  return form.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? number(values[name]) : String(values[name] ?? ""),
  );
}

/** Texts that come as a list. */
export function texts(path) {
  return find(chosen, path) ?? find(english, path);
}

/** What the API said in English by a code, in the reader's language where there is a text for it. */
export function said(kind, code, sentence) {
  return find(chosen, `${kind}.${code}`) ?? sentence ?? "";
}

/** The name of a style or subject; one that has no text reads as it is written. */
export function named(kind, id) {
  const plain = id.replace(/[_-]+/g, " ");
  return find(chosen, `${kind}.${id}`) ?? find(english, `${kind}.${id}`) ?? plain[0].toUpperCase() + plain.slice(1);
}

export function number(value) {
  return new Intl.NumberFormat(language).format(value);
}

export function bytes(value) {
  const [unit, size] = value < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const most = value < 1e7 && unit === "megabyte" ? 1 : 0;
  return new Intl.NumberFormat(language, {
    style: "unit", unit, unitDisplay: "short", maximumFractionDigits: most,
  }).format(value / size);
}

/** Seconds as people say them: "40 seconds", "7 minutes", "2 hours". */
export function duration(seconds) {
  const [unit, size] =
    seconds < 90 ? ["second", 1] : seconds < 5400 ? ["minute", 60] : seconds < 129600 ? ["hour", 3600] : ["day", 86400];
  const value = Math.max(1, Math.round(seconds / size));
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

/** A date and time of the wall, from its Unix seconds. */
export function moment(seconds) {
  return new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" }).format(seconds * 1000);
}

/** A time of day of the wall, from its Unix seconds. */
export function timeOfDay(seconds) {
  return new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(seconds * 1000);
}

/** Texts as a list is read: "a, b and c". */
export function list(items) {
  return new Intl.ListFormat(language).format(items);
}

function plural(count) {
  return new Intl.PluralRules(language).select(count ?? 0);
}

function find(tree, path) {
  return path.split(".").reduce((branch, name) => (Object.hasOwn(branch ?? {}, name) ? branch[name] : undefined), tree);
}
