/* Files from the outside: dropped, chosen, or pasted. */

const $ = (id) => document.getElementById(id);

export function takeFiles(onFile) {
  const field = $("file");
  for (const id of ["open", "choose"]) $(id).addEventListener("click", () => field.click());
  field.addEventListener("change", () => {
    if (field.files.length) onFile(field.files[0]);
    field.value = "";
  });
  let depth = 0;
  const veil = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragenter", () => veil((depth += 1) > 0));
  addEventListener("dragleave", () => veil((depth -= 1) > 0));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    veil(false);
    if (event.dataTransfer.files.length) onFile(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) onFile(event.clipboardData.files[0]);
  });
}
