// Slides are the sections of a page, below each other: without this script they can be scrolled and printed all the same.
(() => {
    const slides = [...document.querySelectorAll("main > section > h1, main > section > section")];
    const told = document.querySelector("nav output");
    const steps = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
        Home: -slides.length, End: slides.length };

    // The slide in the middle of the window, whether a key has led to it, a link or a finger.
    const shown = () => Math.max(slides.findLastIndex((slide) => slide.getBoundingClientRect().top <= innerHeight / 2), 0);
    const tell = () => { told.textContent = `${shown() + 1} / ${slides.length}`; };
    const goTo = (number) => {
        const wanted = Math.min(Math.max(number, 0), slides.length - 1);
        slides[wanted].scrollIntoView();
        history.replaceState(null, "", `#${wanted + 1}`);
        tell();
    };

    addEventListener("scroll", tell, { passive: true });
    document.addEventListener("keydown", (event) => {
        const isTaken = event.target.closest("input, button, summary, a, [tabindex]");
        if (isTaken || event.altKey || event.ctrlKey || event.metaKey || !(event.key in steps)) return;
        event.preventDefault();
        goTo(shown() + (event.shiftKey && event.key === " " ? -1 : steps[event.key]));
    });
    for (const button of document.querySelectorAll("[data-goes]")) {
        button.addEventListener("click", () => goTo(shown() + Number(button.dataset.goes)));
    }
    goTo(Number(location.hash.slice(1)) - 1 || 0);
})();
