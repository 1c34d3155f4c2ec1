// The contents mark the section that is being read, a link to an equation shows it, and what scrolls sideways can be
// scrolled with the keyboard in every browser. Without this script, links are ordinary links.
(() => {
  "use strict";

  const contents = new Map(
    [...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]),
  );

  function mark(id) {
    for (const [name, link] of contents) {
      if (name === id) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
    // Scrolls the contents, and never the page.
    const list = document.querySelector(".contents details");
    const place = contents.get(id)?.getBoundingClientRect();
    const frame = list.getBoundingClientRect();
    if (place && (place.top < frame.top || place.bottom > frame.bottom)) list.scrollTop += place.top - frame.top - 40;
  }

  // The section that crosses a line a fifth of the window below its top.
  const observer = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => mark(entry.target.id)),
    { rootMargin: "-20% 0px -79% 0px" },
  );
  for (const id of contents.keys()) {
    const section = document.getElementById(id);
    if (section) observer.observe(section);
  }

  function makeScrollable() {
    const all = "main :is(.table, .drawing, .values, .equation, .displayed, p, li, dd, pre)";
    const wide = [...document.querySelectorAll(all)];
    const scroll = wide.map((element) => element.scrollWidth > element.clientWidth + 1);
    wide.forEach((element, place) => {
      if (scroll[place]) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    });
  }

  new ResizeObserver(makeScrollable).observe(document.body);

  let preview = null;
  let closing = 0;

  function hide() {
    clearTimeout(closing);
    preview?.link.removeAttribute("aria-describedby");
    preview?.box.remove();
    preview = null;
  }

  function hideSoon() {
    clearTimeout(closing);
    closing = setTimeout(hide, 200);
  }

  function show(link) {
    clearTimeout(closing);
    const equation = document.querySelector(`#${CSS.escape(link.hash.slice(1))} math`);
    if (preview?.link === link || !equation) return;
    hide();
    const box = document.createElement("div");
    box.className = "preview";
    box.id = "preview";
    box.setAttribute("role", "tooltip");
    box.append(equation.cloneNode(true));
    box.addEventListener("pointerenter", () => clearTimeout(closing));
    box.addEventListener("pointerleave", hideSoon);
    document.body.append(box);
    const place = link.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const above = place.top > box.offsetHeight + 8;
    box.style.left = `${Math.max(8, Math.min(place.left, width - box.offsetWidth - 8)) + window.scrollX}px`;
    box.style.top = `${(above ? place.top - box.offsetHeight - 4 : place.bottom + 4) + window.scrollY}px`;
    link.setAttribute("aria-describedby", "preview");
    preview = { link, box };
  }

  function reference(event) {
    return event.target.closest?.('main a[href^="#equation-"]:not(.label)');
  }

  for (const [start, end] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
    document.addEventListener(start, (event) => {
      const link = event.pointerType !== "touch" && reference(event);
      if (link) show(link);
    });
    document.addEventListener(end, (event) => {
      if (reference(event)) hideSoon();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
})();
