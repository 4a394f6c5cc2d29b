// Sends one photo by its presigned form, with progress; says whether another form would help.

import { Problem, noAnswer } from "./api.js";
import { t } from "./texts.js";

/** The form has expired, or S3 does not take it any more: ask for another one. */
export class FormExpired extends Error {}

/**
 * Resolves once S3 has the photo. `onProgress(share)` gets a number from 0 to 1. Throws FormExpired,
 * or a Problem. (XMLHttpRequest: fetch tells nothing of how much is sent.)
 */
export function upload({ url, fields }, blob, onProgress) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", blob); // S3 ignores whatever comes after it
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total ? loaded / total : 0));
    request.addEventListener("load", () => (request.status < 300 ? resolve() : reject(refusal(request))));
    for (const event of ["error", "timeout", "abort"]) {
      request.addEventListener(event, () => reject(noAnswer()));
    }
    request.open("POST", url);
    // A phone's photo on a bad line takes its time, but not for ever.
    request.timeout = 600_000;
    request.send(form);
  });
}

function refusal({ status, responseText }) {
  const code = /<Code>(\w+)<\/Code>/.exec(responseText)?.[1] ?? "";
  if (code === "EntityTooLarge") {
    return new Problem({ status, code, sentence: t("upload.tooLarge"), remedy: t("upload.tooLargeRemedy") });
  }
  if (status === 403 || status === 400) return new FormExpired(code);
  return new Problem({
    status, code: code || `HTTP_${status}`,
    sentence: t("upload.refused", { status }), remedy: t("upload.refusedRemedy"),
  });
}
