// errors.js - what is said instead of results: that there are none, or what went wrong and the way on.
//
// Every error has a sentence of the page's own, by its status. What the server said stands below it where that can tell more.

import { say } from "./language.js";
import { $, go, nothingNarrows, page, read } from "./page.js";
import { ApiError, button, make } from "./parts.js";

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

// Says something instead of results, or nothing. `detail` is technical, and stays as it came.
export function tell(title, text, actions = [], detail = "") {
    $("notice").replaceChildren();
    if (!title) return;
    $("results").replaceChildren();
    page.results = [];
    $("more").hidden = true;
    $("found").textContent = "";
    $("notice").append(make("h2", {}, title), make("p", {}, text),
                       detail ? make("p", { class: "soft", lang: "en", translate: "no" }, sentence(detail)) : "",
                       make("div", { class: "row" }, ...actions));
}

const anew = () => button(say("way_start"), () => go({ q: "", ...nothingNarrows }));
const another = () => button(say("way_choose"), () => $("file").click(), "solid");
const retry = () => button(say("way_again"), () => page.show({ again: true }), "solid");

// A sentence for any error.
export function reasonOf(error) {
    if (!(error instanceof ApiError)) return say("error_page_why");
    switch (error.status) {
    case 0: return say("error_silent_why");
    case 401: return say("token_refused");
    case 403: return say("error_forbidden_why");
    case 404: return say("error_no_item_why");
    case 409: return say("error_conflict_why");
    case 413: return say("error_large_why");
    case 429: return say("error_many_why");
    case 503: return say("error_not_ready_why");
    case 507: return say("error_full_why");
    default: return error.status >= 500 ? say("error_server_why") : say("error_refused_why");
    }
}

function askToken() {
    tell();
    for (const id of ["start", "timeline", "query", "options"]) $(id).hidden = true;
    $("results").replaceChildren();
    $("token-message").textContent = sessionStorage.getItem("adah-token") ? say("token_refused") : say("token_ask");
    $("token").hidden = false;
    $("token-value").focus();
}

export function tellError(error) {
    const state = page.info && read();
    const { status, message } = error;
    page.shown = { query: "", answer: "" };
    if ([404, 410, 422].includes(status)) $("query").hidden = true;
    if (!(error instanceof ApiError)) {
        tell(say("error_page"), reasonOf(error), [retry()], String(message ?? error));
        throw error;
    }
    if (status === 401) askToken();
    else if (status === 0) tell(say("error_silent"), reasonOf(error), [retry()]);
    else if (status === 503) tell(say("error_not_ready"), reasonOf(error), [retry()], message);
    else if (status === 422 && state?.kind === "q")
        tell(say("error_no_words"), say("error_no_words_why"), [button(say("way_examples"), () => go({ q: "", ...nothingNarrows }), "solid")]);
    else if (status === 404)
        tell(say("error_no_item"), state?.kind === "id" && !/^\d+$/.test(state.id) ? say("error_no_id_why") : reasonOf(error), [anew()]);
    else if (status === 400 && error.field === "label")
        tell(say("none_label"), say("none_labelled"), [button(say("none_all_labels"), () => go({ labels: [] }), "solid")]);
    else if (status === 400 && error.field === "folder")
        tell(say("none_pictures"), say("none_narrowed"), [button(say("none_everywhere"), () => go(nothingNarrows), "solid")]);
    else if (status === 410) tell(say("error_gone"), say("error_gone_why"), [another(), anew()]);
    else if (state?.kind === "picture" && [413, 415, 422].includes(status))
        tell(say("error_picture"), status === 413 ? say("error_picture_large") : say("error_picture_kind"), [another(), anew()], message);
    else tell(say("error_other"), reasonOf(error), status === 429 || status >= 500 ? [retry(), anew()] : [anew()], message);
}
