/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches the page again and again, and puts what has changed into place: what is open stays open,
 * and what has the focus keeps it. All that it knows is in the document. */
(() => {
  "use strict";

  const period = 2000; // ms
  const root = document.documentElement;
  const part = (id) => document.getElementById(id);
  const filter = part("filter");
  const pause = part("pause");
  let timer = 0;
  let failing = false;

  // Makes one element like another, child by child. What the reader has opened is theirs.
  const renew = (old, fresh) => {
    for (const { name, value } of fresh.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    const before = [...old.childNodes];
    const after = [...fresh.childNodes];
    after.forEach((child, i) => {
      const known = before[i];
      if (!known) old.append(child);
      else if (known.nodeName !== child.nodeName) known.replaceWith(child);
      else if (child.nodeType === Node.ELEMENT_NODE) renew(known, child);
      else if (known.data !== child.data) known.data = child.data;
    });
    before.slice(after.length).forEach((child) => child.remove());
  };

  const sift = () => {
    const wanted = filter.value.trim().toLowerCase();
    let shown = 0;
    let all = 0;
    for (const row of document.querySelectorAll("tbody tr")) {
      const matches = row.textContent.toLowerCase().includes(wanted);
      row.hidden = !matches;
      all += 1;
      shown += matches;
    }
    return wanted ? `${shown} of ${all} rows` : "";
  };

  const tell = (text) => {
    const news = part("news");
    if (news.textContent !== text) news.textContent = text;
  };

  const fail = (why) => {
    failing = true;
    root.classList.add("stale");
    tell(`These numbers are old: ${why}. Trying again.`);
  };

  const update = async () => {
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (!answer.ok) throw new Error(`the answer was ${answer.status}`);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of ["summary", "main", "time"]) {
        if (!fresh.getElementById(id)) throw new Error("the answer is another page");
        renew(part(id), fresh.getElementById(id));
      }
      root.classList.remove("stale");
      const sifted = sift();
      if (failing) tell(sifted);
      failing = false;
    } catch (error) {
      fail(error instanceof TypeError ? "no connection" : error.message);
    }
  };

  const paused = () => pause.getAttribute("aria-pressed") === "true";

  const plan = () => {
    clearTimeout(timer);
    if (!paused() && !document.hidden) timer = setTimeout(run, period);
  };
  const run = async () => {
    await update();
    plan();
  };

  filter.addEventListener("input", () => tell(sift()));
  part("tools").addEventListener("submit", (event) => event.preventDefault());
  pause.addEventListener("click", () => {
    pause.setAttribute("aria-pressed", String(!paused()));
    if (paused()) plan();
    else run();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? plan() : run()));
  part("tools").hidden = false;
  tell(sift());
  plan();
})();
