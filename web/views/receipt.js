// What was deleted, and what is left where.

import { wallOf } from "../clock.js";
import { button, h, icon } from "../dom.js";
import { saveBlob } from "../parts.js";
import { moment, number, t } from "../texts.js";

export default async function receipt() {
  const told = JSON.parse(sessionStorage.getItem("avatars.receipt") ?? "null");
  const on = h("a", { class: "button", href: "#/jobs" }, t("receipt.done"));
  if (!told) {
    return {
      title: t("receipt.title"),
      element: h("div", { class: "narrow" }, h("h1", {}, t("receipt.title")), h("p", {}, t("receipt.none")), on),
    };
  }
  return {
    title: t("receipt.title"),
    element: h("div", { class: "narrow", id: "receipt" },
      h("h1", {}, t("receipt.headline")),
      h("p", { class: "lead" }, t("receipt.text", { when: moment(wallOf(told.erased_at)) }), told.stopped && ` ${t("receipt.stopped")}`),
      h("section", { class: "slip" },
        h("h2", {}, t("receipt.what")),
        h("dl", {}, Object.entries(told.erased).map(([what, count]) =>
          h("div", {}, h("dt", {}, t(`receipt.rows.${what}`)), h("dd", {}, number(count))))),
        h("h2", {}, t("receipt.left")),
        told.left.length
          ? h("ul", {}, told.left.map(({ what, id, why }) =>
            h("li", {}, t("receipt.leftLine", { what: t(`receipt.things.${what}`), id, why }))))
          : h("p", {}, t("receipt.nothingLeft")),
      ),
      h("div", { class: "actions" },
        on,
        button({ class: "button quiet", on: { click: () => save(told) } }, icon("download"), t("receipt.save")),
      ),
    ),
  };
}

function save(told) {
  saveBlob(new Blob([JSON.stringify(told, null, 2)], { type: "application/json" }), `receipt-${told.job_id}.json`);
}
