// Liveness, copy buttons, and the map's zoom and search. All else works without this script.
"use strict";
(() => {
  const status = document.getElementById("liveness");
  const say = (text) => { status.textContent = text; };

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(button.parentElement.querySelector("code"));
        button.textContent = "Press Ctrl-C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  // Only a page that is seen is live: a browser has six connections to a host for all its tabs.
  const follow = (address, name, take) => {
    let source = null;
    const close = () => { source?.close(); source = null; };
    const open = () => {
      if (source || document.hidden) return;
      const own = source = new EventSource(address());
      own.addEventListener("open", () => say("live"));
      own.addEventListener("error", () => say(own.readyState === EventSource.CLOSED ? "not live: reload the page" : "not live: connecting again …"));
      own.addEventListener(name, (event) => take(JSON.parse(event.data), event.lastEventId));
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? close : open)());
    addEventListener("pagehide", close);
    addEventListener("pageshow", open);
    open();
  };

  const calls = document.getElementById("calls");
  if (calls) {
    const most = Number(calls.dataset.most);
    const missed = document.getElementById("missed");
    const live = new URL(calls.dataset.live, location.href);
    follow(() => live, "calls", (news, number) => {
      live.searchParams.set("after", number);
      const box = document.createElement("template");
      box.innerHTML = news.rows; // rendered and escaped by the server
      for (const row of box.content.querySelectorAll("tr")) row.classList.add("new");
      calls.prepend(box.content);
      while (calls.rows.length > most) calls.rows[calls.rows.length - 1].remove();
      if (calls.rows.length) document.querySelector(".empty")?.remove();
      if (news.missed) missed.textContent = news.missed;
    });
  }

  const chains = document.getElementById("chains");
  if (chains) {
    follow(() => "live?view=chains", "look", async () => {
      const answer = await fetch(chains.dataset.live);
      if (answer.ok) {
        const place = document.activeElement?.getAttribute("href");
        chains.innerHTML = await answer.text();
        if (place) [...chains.querySelectorAll("a")].find((one) => one.getAttribute("href") === place)?.focus();
      }
    });
  }

  const map = document.getElementById("map");
  if (map) {
    const { width, height } = map.viewBox.baseVal;
    let scale = 1;
    for (const button of document.querySelectorAll("button[data-zoom]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        scale = Math.min(4, Math.max(0.2, scale / Number(button.dataset.zoom)));
        map.setAttribute("width", width * scale);
        map.setAttribute("height", height * scale);
      });
    }
    const search = document.getElementById("map-search");
    search.addEventListener("submit", (event) => event.preventDefault());
    search.elements.find.addEventListener("input", () => {
      const wanted = search.elements.find.value.toLowerCase();
      let first = null;
      for (const part of map.querySelectorAll("text, path")) {
        const fits = part.textContent.toLowerCase().includes(wanted);
        part.classList.toggle("faded", !fits);
        if (fits && wanted && !first && part.tagName === "text") first = part;
      }
      first?.scrollIntoView({ block: "center", inline: "nearest" });
    });
  }
})();
