// The preview's own script: menu on narrow screens, search, copy buttons, where the reader is.
const one = (query) => document.querySelector(query);
const all = (query) => [...document.querySelectorAll(query)];

// Menu
const menu = one(".menu"), sidebar = one("#sidebar");
const showMenu = (open) => {
  sidebar.classList.toggle("open", open);
  menu.setAttribute("aria-expanded", open);
};
menu.addEventListener("click", () => showMenu(!sidebar.classList.contains("open")));
one("main").addEventListener("click", () => showMenu(false));

// Search: every word must occur; a hit in a title counts more than one in the text.
const box = one("#search"), found = one("#found");
const plain = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
const index = window.searchIndex.map((entry) => ({
  ...entry, name: plain(entry.title + " " + entry.part), words: plain(entry.text),
}));

const score = (entry, words) => words.reduce((sum, word) => {
  if (sum < 0) return sum;
  const inName = entry.name.includes(word), inText = entry.words.includes(word);
  return inName || inText ? sum + (inName ? 10 : 0) + (inText ? 1 : 0) : -1;
}, 0);

const marked = (text, words) => {  // text nodes and <mark>, never HTML from the index
  const out = document.createElement("span"), low = plain(text);
  const start = Math.max(0, Math.min(...words.map((w) => low.indexOf(w)).filter((i) => i >= 0)) - 50);
  let rest = (start > 0 && start < Infinity ? "…" : "") +
    text.slice(start < Infinity ? start : 0, (start < Infinity ? start : 0) + 160);
  while (rest) {
    const at = words.map((w) => [plain(rest).indexOf(w), w.length]).filter(([i]) => i >= 0)
      .sort((a, b) => a[0] - b[0])[0];
    if (!at || at[1] === 0) break;
    const hit = document.createElement("mark");
    hit.textContent = rest.slice(at[0], at[0] + at[1]);
    out.append(rest.slice(0, at[0]), hit);
    rest = rest.slice(at[0] + at[1]);
  }
  out.append(rest);
  return out;
};

const search = () => {
  const words = plain(box.value).split(/\s+/).filter(Boolean);
  found.hidden = words.length === 0;
  const hits = index.map((entry) => [score(entry, words), entry]).filter(([s]) => s > 0)
    .sort((a, b) => b[0] - a[0]).slice(0, 12);
  found.replaceChildren(...hits.map(([, entry]) => {
    const link = document.createElement("a"), title = document.createElement("b");
    link.href = window.siteTop + entry.url;
    title.textContent = entry.title + (entry.part ? " › " + entry.part : "");
    link.append(title, marked(entry.text, words));
    return link;
  }));
  if (!hits.length) found.append(Object.assign(document.createElement("p"),
    { textContent: "Nothing found." }));
};
box.addEventListener("input", search);
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter") found.querySelector("a")?.click();
  if (event.key === "ArrowDown") { found.querySelector("a")?.focus(); event.preventDefault(); }
});
found.addEventListener("keydown", (event) => {
  const next = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (next) { (document.activeElement[next] ?? box).focus(); event.preventDefault(); }
});
found.addEventListener("click", () => { found.hidden = true; });
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
    box.focus(); event.preventDefault();
  }
  if (event.key === "Escape") { found.hidden = true; showMenu(false); }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) found.hidden = true;
});

// Copy buttons
for (const block of all("div.sourceCode")) {
  const button = document.createElement("button");
  button.className = "copy"; button.type = "button"; button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.querySelector("code").innerText);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  block.append(button);
}

// Table of contents: mark the section that is on the screen.
const links = new Map(all("#contents a").map((a) => [decodeURIComponent(a.hash.slice(1)), a]));
const watcher = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) if (isIntersecting) {
    for (const link of links.values()) link.classList.remove("here");
    links.get(target.id)?.classList.add("here");
  }
}, { rootMargin: "-10% 0px -75% 0px" });
for (const id of links.keys()) { const part = document.getElementById(id); if (part) watcher.observe(part); }
one("#sidebar [aria-current]")?.scrollIntoView({ block: "nearest" });
