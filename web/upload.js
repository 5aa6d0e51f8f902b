// upload.js - pictures are added to the folder of the archive, one after another: how far it is, and what was refused. given.js loads it
// when several pictures are dropped or chosen to be added.

import { change } from "./choice.js";
import { reasonOf } from "./errors.js";
import { say } from "./language.js";
import { page } from "./page.js";
import { button, make } from "./parts.js";

function whyNot(error) {
    if (error.status === 409) return say("upload_there");
    if (error.status === 413) return say("upload_large");
    if (error.status === 415 || error.status === 422) return say("upload_kind");
    return reasonOf(error);
}

export async function upload(files) {
    let n_added = 0, n_done = 0, stopped = false;
    const line = make("p", { role: "status" }), progress = make("progress", { max: files.length, value: 0, "aria-label": say("upload_title") });
    const faults = make("ul", { class: "faults", "aria-label": say("upload_faults") });
    const end = button(say("upload_stop"), () => (stopped ? dialog.close() : (stopped = true)), "solid");
    const dialog = make("dialog", { class: "person", "aria-labelledby": "upload-title" }, make("h2", { id: "upload-title" }, say("upload_title")), progress, line, faults,
                        make("div", { class: "row" }, end));
    dialog.addEventListener("cancel", () => (stopped = true));
    document.body.append(dialog);
    dialog.showModal();
    const tellLine = () => {
        progress.value = n_done;
        line.textContent = say("upload_line", { n: n_added, all: files.length });
    };
    tellLine();
    for (const file of files) {
        if (stopped) break;
        try {
            const parameters = new URLSearchParams({ name: file.name });
            await change("v1/pictures", { parameters, body: file });
            n_added++;
        } catch (error) {
            if (error.name === "AbortError") break;
            faults.append(make("li", {}, make("span", { translate: "no" }, file.name), `: ${whyNot(error)}`));
            if (error.status === 0 || error.status === 403 || error.status === 507) break; // the next ones would fare no better
        }
        n_done++;
        tellLine();
    }
    stopped = true;
    end.textContent = say("upload_close");
    end.focus();
    await new Promise((resolve) => (dialog.open ? dialog.addEventListener("close", resolve, { once: true }) : resolve()));
    dialog.remove();
    if (n_added) {
        page.info = null; // it counts items
        await page.show({ again: true });
    }
}
