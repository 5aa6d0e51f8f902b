// results.js - what is found: the search, and its hits as cards or lines, each with its labels and how near it is.

import { chooser } from "./chosen.js";
import { dateText, following, spanText } from "./dates.js";
import { tell, tellError } from "./errors.js";
import { say } from "./language.js";
import { thumbs } from "./marks.js";
import { $, go, isNarrowed, keyOf, links, N_FIRST, NARROWS, nothingNarrows, page, read } from "./page.js";
import { ApiError, askJson, bar, blank, button, fileName, icon, itemImage, make, pictureUrl } from "./parts.js";

const MORE_WITHIN_PX = 600;
let focuses_more = false; // whether the first of what comes next gets the focus: it was asked for by its button

// Without a query: items by date.
async function list(parameters, signal) {
    const { n_items, items } = await askJson("v1/items", { parameters, signal });
    return { query: {}, n_items, hits: items.map((item) => ({ ...item, distance: null })) };
}

export function search(state, signal) {
    const parameters = new URLSearchParams({ k: Math.min(state.k, page.info.limits.k_max) });
    for (const label of state.labels) parameters.append("label", label);
    for (const name of NARROWS) if (state[name]) parameters.set(name, state[name]);
    if (!state.kind) return list(parameters, signal);
    parameters.set("to", state.to);
    if (state.cut) parameters.set("cut_off", "1");
    for (const id of state.liked ?? []) parameters.append("like", id);
    for (const id of state.unliked ?? []) parameters.append("unlike", id);
    if (state.kind === "picture") return askJson("v1/search", { parameters, body: page.pictures.get(state.picture).blob, signal });
    if (state.kind === "id") {
        parameters.set("id", state.id);
        parameters.set("by", state.by);
    } else {
        parameters.set("text", state.q);
        parameters.set("explain", "1");
    }
    return askJson("v1/search", { parameters, signal });
}

function tellNone(state) {
    const title = state.to === "image" ? say("none_pictures") : say("none_texts");
    const is_dated = NARROWS.some((name) => state[name]);
    tell(title, state.cut ? say("none_near") : is_dated ? say("none_narrowed") : state.labels.length ? say("none_labelled") : say("none_other"),
         [...(state.cut ? [button(say("none_anyway"), () => go({ cut: false }), "solid")] : []),
          ...(is_dated ? [button(say("none_everywhere"), () => go(nothingNarrows), "solid")]
              : state.labels.length ? [button(say("none_all_labels"), () => go({ labels: [] }), "solid")] : []),
          ...(state.cut || isNarrowed(state) ? [] : [button(say("way_start"), () => go({ q: "" }))])]);
    $("found").textContent = title;
}

export function showAnswer(state, answer) {
    const { hits, took_ms } = answer;
    const key = keyOf(state, ["kind", state.kind, "by", "to", "cut", "labels", ...NARROWS, "liked", "unliked"]);
    const n_kept = key === page.shown.answer && state.k > N_FIRST ? $("results").children.length : 0; // "show more" adds
    page.shown.answer = key;
    if (!hits.length) {
        tellNone(state);
        return;
    }
    const is_all = hits.length < state.k, n = { n: hits.length };
    const is_list = !state.kind || state.to === "image"; // without a query there are pictures, by date
    $("found").textContent = !state.kind ? say("found_by_date", { n: answer.n_items }) : state.to === "image" ? (is_all ? say("found_pictures", n) : say("found_nearest_pictures", n))
        : is_all ? say("found_texts", n) : say("found_nearest_texts", n);
    $("found").title = took_ms ? say("found_took", { ms: took_ms.toPrecision(2) }) : "";
    $("results").className = is_list ? "grid" : "list";
    page.results = hits;
    const range = rangeOf(hits);
    const cards = hits.slice(n_kept).map((hit, i) => (is_list ? card : line)(hit, range, n_kept + i < 8));
    if (n_kept) $("results").append(...cards);
    else $("results").replaceChildren(...cards);
    addWhole(cards);
    if (n_kept && focuses_more) cards[0]?.querySelector("a").focus({ preventScroll: true });
    focuses_more = false;
    $("more").hidden = is_all || state.k >= page.info.limits.k_max;
    performance.mark("results"); // for tests and developer tools
}

// A label is a switch: with it, only what has one of the chosen labels is found.
export function chip(label, chosen, attributes) {
    const node = button(label, () => {
        const { labels } = read();
        go({ labels: labels.includes(label) ? labels.filter((each) => each !== label) : [...labels, label] });
    }, "chip");
    node.setAttribute("aria-pressed", chosen);
    node.setAttribute("translate", "no");
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return make("li", {}, node);
}

// What narrows the answer by date and folder, each to be taken away.
export function narrowChips({ after, before, folder }) {
    const dates = spanText(after, before) || (after && before ? say("narrow_between", { after: dateText(after), before: dateText(before) })
        : after ? say("narrow_after", { after: dateText(after) }) : before ? say("narrow_before", { before: dateText(before) }) : "");
    const take = (text, change, attributes = {}) => {
        const node = button(text, () => go(change), "chip");
        for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
        node.setAttribute("aria-pressed", "true");
        node.setAttribute("aria-label", say("narrow_without", { what: text }));
        return make("li", {}, node);
    };
    return [...(dates ? [take(dates, { after: "", before: "" })] : []), ...(folder ? [take(folder, { folder: "" }, { translate: "no" })] : [])];
}

// When an item was taken and in which folders it lies, each a way to the others there.
export function placeChips(item) {
    const folders = (item.file_name ?? "").split("/").slice(0, -1).map((_, i, all) => all.slice(0, i + 1).join("/"));
    const taken = item.taken?.slice(0, 7);
    const way = (text, title, change) => {
        const node = button(text, () => go({ q: "", ...nothingNarrows, ...change }), "chip");
        node.setAttribute("title", title);
        if (change.folder) node.setAttribute("translate", "no");
        return make("li", {}, node);
    };
    const ways = [...(taken ? [way(dateText(item.taken), say("narrow_then"), { after: taken, before: following(taken) })] : []),
                  ...folders.map((folder) => way(folder, say("narrow_there"), { folder }))];
    return ways.length ? make("ul", { class: "chips", "aria-label": say("narrow_item") }, ...ways) : null;
}

export const chips = (labels) => (labels?.length
    ? make("ul", { class: "chips", "aria-label": say("item_labels") },
           ...labels.map((each) => chip(each, read().labels.includes(each), { title: say("filter_add", { label: each }) }))) : null);

// How near a result is, from 0 (as near as any) to 1 (the same): by the score where results are in its order, else by the share of bits
// that are equal beyond the half that are so by chance.
const nearness = (hit) => Math.max(0, typeof hit.score === "number" ? hit.score : 1 - hit.distance / (page.info.model.n_bits / 2));
const nearWords = (near) => (near >= 0.8 ? say("near_very") : near >= 0.55 ? say("near_near") : near >= 0.3 ? say("near_fairly")
    : near > 0.1 ? say("near_distant") : say("near_far"));

// The bar tells answers apart: full at the nearest, short at the last of the first page. What holds the words comes first however near.
function distance(hit, range) {
    if (hit.distance === null && hit.words === undefined) return hit.taken ? make("p", { class: "distance" }, make("span", {}, dateText(hit.taken))) : null;
    const held = hit.words === 1 ? make("span", { class: "held" }, say("near_words")) : null;
    if (hit.distance === null) return make("p", { class: "distance" }, held ?? say("near_some_words"));
    const near = nearness(hit), width = range.high - range.low;
    const exact = [typeof hit.score === "number" ? say("near_similarity", { score: hit.score.toFixed(2) }) : "",
                   say("near_bits", { n: hit.distance, of: page.info.model.n_bits }), say("near_bar")];
    return make("p", { class: "distance", title: exact.filter(Boolean).join(" ") },
                held ?? make("span", {}, nearWords(near)), bar(0.08 + 0.92 * (width > 0 ? (near - range.low) / width : 1)));
}

function rangeOf(hits) {
    const near = hits.slice(0, N_FIRST).filter((hit) => hit.distance !== null).map(nearness);
    return { high: Math.max(...near), low: Math.min(...near) };
}

// A caption of more lines than its card shows gets a button for the rest; measured before anything is painted.
function addWhole(cards) {
    const cut = cards.map((each) => each.querySelector(".grid .caption")).filter((each) => each && each.scrollHeight > each.clientHeight + 1);
    for (const caption of cut) {
        const whole = button(say("item_whole"), () => {
            const is_whole = caption.classList.toggle("whole");
            whole.setAttribute("aria-expanded", is_whole);
            whole.textContent = is_whole ? say("item_less") : say("item_whole");
        }, "plain whole-text");
        whole.setAttribute("aria-expanded", "false");
        caption.after(whole);
    }
}

function card(hit, range, eager) {
    const has_picture = page.info.has_pictures && hit.has_picture;
    const words = blank(hit.text || fileName(hit));
    const link = make("a", { class: "main", translate: "no", href: links.item(hit.id, "image"), "data-go": true, title: say("query_like") },
                      has_picture ? itemImage(hit, 320, words, { eager }) : words());
    return make("li", { "data-id": hit.id }, link, has_picture ? viewLink(hit) : null, chooser(hit),
                make("div", { class: "about" }, has_picture ? make("p", { class: "caption", translate: "no" }, hit.text || fileName(hit)) : null,
                     chips(hit.labels), make("div", { class: "row" }, distance(hit, range), read().kind ? thumbs(hit) : null))); // marks go with a query
}

function line(hit, range, eager) {
    const has_picture = page.info.has_pictures && hit.has_picture;
    const link = make("a", { class: "main caption", translate: "no", href: links.item(hit.id, "text"), "data-go": true, title: say("query_like") },
                      hit.text || fileName(hit));
    return make("li", { "data-id": hit.id },
                has_picture ? make("span", { class: "thumb" }, itemImage(hit, 96, blank(), { eager, alt: "" })) : null,
                make("div", { class: "about" }, link, chips(hit.labels)),
                distance(hit, range), thumbs(hit),
                has_picture ? viewLink(hit) : null);
}

// ---------------------------------------------------------------- large, and more of them

// The results from this one on, as large as the window.
async function view(event, hit) {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return; // the link does it
    event.preventDefault();
    const [viewer, choice] = await Promise.all([import("./viewer.js"), import("./choice.js")]).catch(() => [null, null]);
    if (!viewer) return tellError(new ApiError(0, "unreachable", "the server does not answer"));
    return viewer.open({
        hits: () => page.results.filter((each) => page.info.has_pictures && each.has_picture),
        is_all: () => $("more").hidden,
        more,
        near: (each) => (each.distance === null && each.words === undefined ? (each.taken ? dateText(each.taken) : "") : each.words === 1 ? say("near_words") : each.distance === null ? say("near_some_words") : nearWords(nearness(each))),
        like: (each) => go({ id: String(each.id), by: "image" }),
        download: choice.download,
        focus: (each) => document.querySelector(`#results [data-id="${each?.id}"] .open`)?.focus(),
    }, hit);
}

export function viewLink(hit) {
    const link = make("a", { class: "open", href: pictureUrl(hit.id), target: "_blank", rel: "noopener", title: say("item_large"),
                             "aria-label": say("item_name_large", { name: fileName(hit) }) }, icon("open"));
    link.addEventListener("click", (event) => view(event, hit));
    return link;
}

// More comes by the button, or when the end of the results comes near. It is the same entry of the history.
let coming = null; // the promise of what comes next
function more() {
    if ($("more").hidden) return null;
    coming ??= go({ k: read().k + N_FIRST }, { same_entry: true }).finally(() => (coming = null));
    return coming;
}
$("more").addEventListener("click", () => {
    focuses_more = true;
    more();
});
addEventListener("scroll", () => {
    if ($("more").getBoundingClientRect().top < innerHeight + MORE_WITHIN_PX) more();
}, { passive: true });
