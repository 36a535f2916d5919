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
const plain = (text) => text.split("").map((c) => c.normalize("NFD")[0].toLowerCase()[0]).join("");
const index = window.searchIndex.map((entry) => ({
  ...entry, name: plain(entry.title + " " + entry.part), words: plain(entry.text),
}));

const score = (entry, words) => words.reduce((sum, word) => {
  if (sum < 0) return sum;
  const inName = entry.name.includes(word), inText = entry.words.includes(word);
  return inName || inText ? sum + (inName ? 10 : 0) + (inText ? 1 : 0) : -1;
}, 0);

const marked = (text, words) => {  // text nodes and <mark>, never HTML from the index
  const places = words.map((word) => plain(text).indexOf(word)).filter((place) => place >= 0);
  const start = places.length ? Math.max(0, Math.min(...places) - 50) : 0;
  const rest = text.slice(start, start + 160), out = document.createElement("span");
  const pattern = words.map((word) => word.replace(/[^\p{L}\p{N}]/gu, "\\$&")).join("|");
  let end = 0;
  for (const hit of plain(rest).matchAll(pattern)) {
    const mark = document.createElement("mark");
    mark.textContent = rest.slice(hit.index, hit.index + hit[0].length);
    out.append(rest.slice(end, hit.index), mark);
    end = hit.index + hit[0].length;
  }
  out.prepend(start ? "… " : "");
  out.append(rest.slice(end), start + 160 < text.length ? " …" : "");
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

// Table of contents: mark the section that is being read.
const parts = all("#contents a").map((link) => [link, document.getElementById(link.hash.slice(1))]);
const markPart = () => {
  const above = parts.filter(([, part]) => part.getBoundingClientRect().top < 120);
  for (const [link] of parts) link.classList.toggle("here", link === above.at(-1)?.[0]);
};
document.addEventListener("scroll", markPart, { passive: true });
markPart();
one("#sidebar [aria-current]")?.scrollIntoView({ block: "nearest" });
