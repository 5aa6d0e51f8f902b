// marks.js - more like these, not like those: thumbs at each result, and the row of what was marked, where a mark is taken back.
//
// Marks are in the address, ?like=17&unlike=3 beside the query, so that back undoes the last one. What is marked is no result any more; its
// row shows it until another query comes.

import { say } from "./language.js";
import { $, go, page, read } from "./page.js";
import { askJson, blank, button, fileName, icon, itemImage, itemUrl, make } from "./parts.js";

const MARKS_MAX = 64; // of a kind, as the server takes them
const known = new Map(); // id -> item: of what was marked here, and what was asked for

function thumb(name, label, act) {
    const node = button("", act, `bare thumb ${name}`);
    node.append(icon(name));
    node.setAttribute("aria-label", label);
    node.title = label;
    return node;
}

// The two buttons of a result.
export function thumbs(hit) {
    const name = fileName(hit);
    const mark = (kind) => {
        known.set(String(hit.id), hit);
        const marks = read()[kind];
        if (marks.length < MARKS_MAX) go({ [kind]: [...marks, String(hit.id)] });
    };
    return make("span", { class: "thumbs", translate: "no" }, thumb("liked", say("mark_like", { name }), () => mark("liked")),
                thumb("unliked", say("mark_unlike", { name }), () => mark("unliked")));
}

// A marked item; a press takes the mark back.
function marked(item, kind) {
    const name = fileName(item);
    const node = button("", () => go({ [kind]: read()[kind].filter((id) => id !== String(item.id)) }), `marked ${kind}`);
    const label = kind === "liked" ? say("mark_take_like", { name }) : say("mark_take_unlike", { name });
    node.setAttribute("aria-label", label);
    node.title = label;
    node.setAttribute("translate", "no");
    node.append(page.info.has_pictures && item.has_picture ? itemImage(item, 64, blank(name), { alt: "" }) : make("span", {}, item.text || name), icon(kind));
    return make("li", {}, node);
}

// The row above the results; hidden without marks.
export async function showMarks(state, signal) {
    const row = $("marked");
    const ids = [...state.liked.map((id) => [id, "liked"]), ...state.unliked.map((id) => [id, "unliked"])];
    row.hidden = !ids.length;
    if (!ids.length) return row.replaceChildren();
    await Promise.all(ids.filter(([id]) => !known.has(id)).map(async ([id]) => known.set(id, await askJson(itemUrl(id), { signal }))));
    if (signal.aborted) return;
    row.replaceChildren(make("h2", {}, say("mark_title")), make("ul", {}, ...ids.map(([id, kind]) => marked(known.get(id), kind))),
                        button(say("mark_none"), () => go({ liked: [], unliked: [] }), "plain"));
}
