// given.js - a picture is given to search with: chosen as a file, dropped anywhere on the page, or pasted. Several that are dropped are added to
// the archive, where the server takes them.

import { $, go, page } from "./page.js";
import { make } from "./parts.js";

async function give(blob) {
    if (!blob || !page.info?.model.takes_images) return;
    const name = Date.now().toString(36);
    if (blob.size > page.info.limits.body_bytes_max) blob = (await shrink(blob).catch(() => null)) ?? blob;
    page.pictures.set(name, { blob, url: URL.createObjectURL(blob) });
    return go({ picture: name });
}

// A photo too large for the server; the model sees far fewer pixels anyway.
async function shrink(blob) {
    const bitmap = await createImageBitmap(blob);
    const scale = Math.min(1, 1600 / Math.max(bitmap.width, bitmap.height));
    const canvas = make("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

const filesOf = (transfer) => [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/") || !file.type);
const fileOf = (transfer) => filesOf(transfer)[0];

async function add(files) {
    if (!files.length) return;
    const { upload } = await import("./upload.js");
    await upload(files);
}
$("files").addEventListener("change", () => {
    add([...$("files").files]);
    $("files").value = "";
});

$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
    give($("file").files[0]);
    $("file").value = ""; // the same file may be chosen again
});
addEventListener("paste", (event) => {
    const file = fileOf(event.clipboardData);
    if (file) event.preventDefault();
    give(file);
});
let n_inside = 0; // dragenter and dragleave come for every element
const dragged = (event) => event.dataTransfer.types.includes("Files") && page.info?.model.takes_images;
addEventListener("dragenter", (event) => dragged(event) && document.body.classList.toggle("dragging", ++n_inside > 0));
addEventListener("dragleave", (event) => dragged(event) && document.body.classList.toggle("dragging", --n_inside > 0));
addEventListener("dragover", (event) => dragged(event) && event.preventDefault());
addEventListener("drop", (event) => {
    if (!dragged(event)) return;
    event.preventDefault();
    n_inside = 0;
    document.body.classList.remove("dragging");
    const files = filesOf(event.dataTransfer);
    if (files.length > 1 && page.info.can_add_pictures) add(files);
    else give(files[0]);
});
