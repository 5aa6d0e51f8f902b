// chosen.js - several results are chosen: their boxes, and the bar that says what can be done with them. choice.js does it.

import { reasonOf } from "./errors.js";
import { say } from "./language.js";
import { $, page } from "./page.js";
import { fileName, make } from "./parts.js";

export function chooser(hit) {
    const box = make("input", { type: "checkbox", "aria-label": say("chosen_choose", { name: fileName(hit) }), checked: page.chosen.has(hit.id) });
    box.addEventListener("change", (event) => {
        event.stopPropagation(); // it is no option of the search
        if (box.checked) page.chosen.set(hit.id, hit);
        else page.chosen.delete(hit.id);
        showChosen();
    });
    return make("label", { class: "choose" }, box);
}

export function showChosen() {
    const bar = $("chosen-items");
    bar.hidden = !page.chosen.size;
    $("n-chosen").removeAttribute("title");
    $("n-chosen").textContent = say("chosen_n", { n: page.chosen.size });
    $("save-chosen").hidden = ![...page.chosen.values()].some((hit) => page.info.has_pictures && hit.has_picture);
    for (const id of ["label-chosen", "delete-chosen"]) $(id).hidden = !page.info.can_write;
    for (const box of document.querySelectorAll("#results .choose input")) box.checked = page.chosen.has(Number(box.closest("li").dataset.id));
}

// Does it with what is chosen; told is a function of what came of it. What fails leaves the choice as it is.
async function withChosen(act, tell_done) {
    const bar = $("chosen-items");
    bar.inert = true;
    $("n-chosen").textContent = say("chosen_wait");
    try {
        const done = await act(await import("./choice.js"), [...page.chosen.values()]);
        bar.inert = false;
        if (done === null) return showChosen();
        if (tell_done) {
            page.chosen.clear();
            page.info = null; // it counts items and tells labels
            await page.show({ again: true });
        }
        showChosen();
        if (tell_done) $("found").textContent = tell_done(done);
    } catch (error) {
        bar.inert = false;
        showChosen();
        if (error.name === "AbortError") return;
        $("n-chosen").textContent = say("chosen_failed", { why: reasonOf(error) });
        $("n-chosen").title = error.message;
    }
}

$("save-chosen").addEventListener("click", () => withChosen((choice, hits) => choice.download(hits.filter((hit) => hit.has_picture))));
$("delete-chosen").addEventListener("click", () => withChosen((choice, hits) => choice.remove(hits), (n) => say("delete_done", { n })));
$("label-chosen").addEventListener("click", () => withChosen((choice, hits) => choice.label(hits), ({ name, n, n_left }) =>
    [say("label_done", { n, label: name }), ...(n_left ? [say("label_left", { n: n_left })] : [])].join("; ")));
$("none-chosen").addEventListener("click", () => {
    page.chosen.clear();
    showChosen();
    $("results").focus();
});
