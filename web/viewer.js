// viewer.js - one picture after another, as large as the window: a dialog over the results, which app.js opens on the first wish.
//
// The items are those of the results. Next past the last that is there asks app.js for more. Keys: left, right, Home, End; Escape
// closes it (the browser's own); a swipe to the left is next, one to the right previous. The focus goes back to the result that was seen last.

import { reasonOf } from "./errors.js";
import { number, say } from "./language.js";
import { ask, button, fileName, icon, make, pictureUrl } from "./parts.js";

const SWIPE_PX = 50;

let how = null; // { hits(), more(), near(hit), like(hit), focus(hit), download(hit) }
let at = 0;
let url = ""; // of the bytes that are shown
let turning = null; // aborts the picture that is being fetched

const dialog = make("dialog", { id: "viewer" });
const frame = make("div", { class: "stage" });
const about = make("div", { class: "said", "aria-live": "polite" });
const bareButton = (name, act) => {
    const node = button("", act, `bare turn ${name}`);
    node.append(icon(name));
    return node;
};
const previous = bareButton("previous", () => turn(at - 1));
const next = bareButton("next", () => turn(at + 1));
const close = bareButton("clear", () => dialog.close());
dialog.append(previous, frame, next, about, close);
document.body.append(dialog);

async function turn(to) {
    if (to >= how.hits().length) await how.more();
    const hits = how.hits();
    at = Math.min(Math.max(to, 0), hits.length - 1);
    const hit = hits[at];
    turning?.abort();
    turning = new AbortController();
    const { signal } = turning;
    previous.disabled = at === 0;
    next.disabled = at === hits.length - 1 && how.is_all();
    if (document.activeElement?.disabled) dialog.focus();
    const link = button(say("query_like"), () => {
        dialog.close();
        how.like(hit);
    });
    about.replaceChildren(make("p", { class: "caption", translate: "no" }, hit.text || fileName(hit)),
                          make("p", { class: "soft" }, make("span", { translate: "no" }, fileName(hit)), ` · ${number(at + 1)} · ${how.near(hit)}`),
                          make("div", { class: "actions" }, link, button(say("viewer_save"), () => how.download([hit]))));
    frame.classList.add("waiting");
    try {
        const bytes = await (await ask(pictureUrl(hit.id), { signal })).blob();
        const image = make("img", { alt: hit.text || fileName(hit) });
        const of = URL.createObjectURL(bytes);
        image.src = of;
        await image.decode();
        if (signal.aborted) return URL.revokeObjectURL(of);
        URL.revokeObjectURL(url);
        url = of;
        frame.replaceChildren(image);
    } catch (error) {
        if (signal.aborted) return;
        const why = make("p", { class: "blank", title: error.message }, `${say("viewer_failed")} ${reasonOf(error)}`);
        frame.replaceChildren(why, button(say("way_again"), () => turn(at), "solid"));
    }
    frame.classList.remove("waiting");
}

dialog.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the keys of the page below are not meant
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: how.hits().length - 1 }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    turn(to);
});
let touched = null; // where the one finger came down: on a button, too, which a finger that moves does not press
dialog.addEventListener("touchstart", ({ touches }) => (touched = touches.length === 1 ? touches[0] : null), { passive: true });
dialog.addEventListener("touchend", ({ changedTouches: [left] }) => {
    if (!touched || visualViewport.scale > 1) return; // a picture that was made larger is moved
    const x = left.clientX - touched.clientX, y = left.clientY - touched.clientY;
    touched = null;
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) turn(at + (x < 0 ? 1 : -1));
}, { passive: true });
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => {
    turning?.abort();
    frame.replaceChildren();
    URL.revokeObjectURL(url);
    how.focus(how.hits()[at]);
});

export function open(ways, hit) {
    how = ways;
    dialog.setAttribute("aria-label", say("viewer_title"));
    for (const [node, label] of [[previous, say("viewer_previous")], [next, say("viewer_next")], [close, say("viewer_close")]]) {
        node.setAttribute("aria-label", label);
        node.title = label;
    }
    dialog.showModal();
    return turn(how.hits().findIndex((each) => each.id === hit.id));
}
