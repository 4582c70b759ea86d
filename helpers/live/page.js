// What ipywidgets leaves out in a live part: names and true values for a screen reader, one voice that tells how the
// training goes, sliders that are followed while they are dragged, drawings that set a control when they are clicked or
// dragged, and the beat of a part that plays.
(() => {
    if (window.liveParts) return; // one script for a page, however many parts are on it
    window.liveParts = new WeakSet(); // those that are looked after
    const QUIET = 500; // milliseconds in which nothing new has been said, before it is read out
    const CALMER = 4; // times the beat of what plays, for who wants little motion

    const set = (element, name, value) => {
        if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
    };
    const nameOf = (element) =>
        element.closest(".widget-inline-hbox")?.querySelector(".widget-label")?.textContent.trim() ?? "";
    const fieldBeside = (slider) => slider.closest(".live-control")?.querySelector("input, select");

    // A field's value, as if somebody had typed or chosen it: ipywidgets listens to the browser's own event.
    function fill(field, value) {
        if (field.disabled) return;
        if (field.tagName !== "SELECT") field.value = value;
        else field.selectedIndex = [...field.options].findIndex((option) => option.textContent.trim() === value);
        field.dispatchEvent(new Event("change", { bubbles: true }));
    }

    function tellOfSlider(handle) {
        const track = handle.closest(".noUi-target"), field = fieldBeside(handle);
        set(handle, "aria-label", nameOf(handle));
        set(handle, "aria-disabled", track.hasAttribute("disabled"));
        if (field?.tagName === "INPUT") {
            const tidy = String(Number(Number(field.value).toPrecision(12))); // 0.30000000000000004 is 0.3
            if (field.value !== tidy && field !== document.activeElement) field.value = tidy;
            set(field, "aria-invalid", false); // a number between two steps is as good as any
            set(field, "title", `${field.min} to ${field.max}`);
        }
        const readout = handle.closest(".widget-slider").querySelector(".widget-readout");
        const shown = (field ? field.selectedOptions?.[0]?.textContent ?? field.value : readout.textContent).trim();
        set(handle, "aria-valuetext", shown);
        const all = field?.options ? [...field.options].map((option) => Number(option.textContent)) : [];
        if (field && !Number.isNaN(Number(shown)) && !all.some(Number.isNaN)) { // not its place in a list, nor rounded
            set(handle, "aria-valuenow", shown);
            set(handle, "aria-valuemin", all.length ? Math.min(...all) : field.min);
            set(handle, "aria-valuemax", all.length ? Math.max(...all) : field.max);
        }
        if (!field && readout.isContentEditable) {
            set(readout, "role", "textbox");
            set(readout, "aria-label", nameOf(handle));
        }
    }

    // Its field follows a slider that is dragged; at the keyboard ipywidgets sees to that.
    function follow(track) {
        const field = fieldBeside(track);
        if (!field || !track.noUiSlider || track.isFollowed) return;
        track.isFollowed = true;
        track.noUiSlider.on("slide", () => {
            if (!track.closest(".live-at-once") || !track.querySelector(".noUi-active")) return;
            const value = track.noUiSlider.get();
            fill(field, field.options ? field.options[value].textContent.trim() : value);
        });
    }

    // A part that plays says in data-plays after how many milliseconds it wants to go on. When a picture has been drawn,
    // and that long afterwards, its hidden button asks for the next one.
    function metronome(part) {
        const calm = matchMedia("(prefers-reduced-motion: reduce)");
        let drawn = null;
        return () => {
            const panel = part.querySelector(".live-panel"), beat = Number(panel?.dataset.plays ?? 0);
            if (panel === drawn) return;
            drawn = panel;
            const goOn = () => {
                if (panel === drawn && panel.isConnected) part.querySelector(".live-beat").click();
            };
            if (beat) requestAnimationFrame(() => setTimeout(goOn, calm.matches ? CALMER * beat : beat));
        };
    }

    // One element for a part, which stays: it says "Training" once and the end once, whatever is pressed meanwhile.
    function voice(part) {
        const status = document.createElement("div");
        status.className = "live-panel-spoken";
        status.setAttribute("role", "status");
        part.append(status);
        let heard = null, timer;
        return () => {
            const words = part.querySelector(".live-panel-state");
            words?.removeAttribute("role"); // without this script the words on the page speak for themselves
            const panel = part.querySelector(".live-panel"), plays = Number(panel?.dataset.plays ?? 0);
            const trains = ["building", "training"].includes(panel?.dataset.state);
            const now = trains ? "Training" : plays ? "Playing" : words?.textContent ?? "";
            if (now === heard) return;
            heard = now;
            clearTimeout(timer);
            timer = setTimeout(() => { if (status.textContent !== now) status.textContent = now; }, QUIET);
        };
    }

    function lookAfter(part) {
        const speak = voice(part), beat = metronome(part);
        const look = () => {
            part.querySelectorAll(".noUi-handle").forEach(tellOfSlider);
            part.querySelectorAll(".noUi-target").forEach(follow);
            part.querySelectorAll('[title="null"]').forEach((element) => element.removeAttribute("title"));
            part.querySelectorAll(".widget-toggle-buttons button")
                .forEach((button) => set(button, "aria-pressed", button.classList.contains("mod-active")));
            const asked = part.querySelector(".live-question")?.textContent;
            part.querySelectorAll(".widget-toggle-buttons, .live-asked .live-answers").forEach((group) => {
                set(group, "role", "group");
                set(group, "aria-label", group.matches(".live-answers") ? asked : nameOf(group));
            });
            part.querySelectorAll("button")
                .forEach((button) => set(button, "aria-disabled", button.classList.contains("live-idle")));
            speak();
            beat();
        };
        look();
        new MutationObserver(look).observe(part, { subtree: true, childList: true, characterData: true,
            attributes: true, attributeFilter: ["aria-valuetext", "class", "disabled", "data-state"] });
        part.addEventListener("change", look);
    }

    function lookForParts() {
        for (const part of document.querySelectorAll(".live-part")) {
            if (!window.liveParts.has(part)) {
                window.liveParts.add(part);
                lookAfter(part);
            }
        }
    }
    lookForParts();
    new MutationObserver(lookForParts).observe(document.body, { subtree: true, childList: true });

    // JupyterLab takes the arrow keys for its own, unless what has the focus asks it not to; Notebook 7 those of sliders, too.
    const OWN_KEYS = ".live-part :is(.epochs input, select), body[data-notebook] .live-part .noUi-handle";
    document.addEventListener("focusin", ({ target }) => {
        if (target.matches?.(OWN_KEYS)) set(target, "data-lm-suppress-shortcuts", true);
    });

    // What carries data-sets="the name of a control" and data-value sets that control, clicked or dragged over. A handle
    // (helpers/curves/handles.py) has a range instead: it sets the value at the pointer's height.
    function valueAt(mark, y) {
        if (!mark.matches(".handle")) return mark.dataset.value;
        const low = Number(mark.dataset.low), high = Number(mark.dataset.high), step = Number(mark.dataset.step);
        const box = mark.getBoundingClientRect();
        const share = Math.min(Math.max((box.bottom - y) / box.height, 0), 1);
        return String(Number((Math.round((low + share * (high - low)) / step) * step).toPrecision(12)));
    }
    function setControl(mark, y) {
        const fields = [...mark.closest(".live-part").querySelectorAll("input, select")];
        const field = fields.find((field) => nameOf(field) === mark.dataset.sets);
        const value = valueAt(mark, y);
        if (field && field.value !== value) fill(field, value);
    }
    const markAt = (target) => target?.closest?.(".live-part [data-sets]");
    let dragged = null, held = null; // the part in which somebody drags, and the control of the handle that they hold
    document.addEventListener("click", (event) => {
        const mark = markAt(event.target);
        if (mark) setControl(mark, event.clientY);
    });
    document.addEventListener("pointerdown", (event) => {
        const mark = event.button === 0 ? markAt(event.target) : null;
        const scrolls = event.pointerType === "touch" && getComputedStyle(event.target).touchAction !== "none";
        dragged = mark && !scrolls ? mark.closest(".live-part") : null;
        held = mark?.matches(".handle") ? mark.dataset.sets : null;
    });
    document.addEventListener("pointermove", (event) => {
        if (!(event.buttons & 1)) dragged = null;
        if (!dragged) return;
        const mark = held // it is drawn anew at each step
            ? dragged.querySelector(`.handle[data-sets="${CSS.escape(held)}"]`)
            : markAt(document.elementFromPoint(event.clientX, event.clientY));
        if (mark && dragged.contains(mark)) setControl(mark, event.clientY);
    });
    document.addEventListener("pointercancel", () => { dragged = null; });
    // What stands below a button with data-copies goes to the clipboard, where the page has one.
    document.addEventListener("click", ({ target }) => {
        const button = target.closest?.(".live-part [data-copies]");
        if (!button) return;
        const say = (words) => () => { button.textContent = words; };
        const copied = navigator.clipboard?.writeText(button.nextElementSibling.textContent) ?? Promise.reject();
        copied.then(say("Copied"), say("Mark and copy it"));
    });
})();
