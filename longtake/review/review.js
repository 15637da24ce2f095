"use strict";
// The review page's own script. Whatever comes from a storyboard, a note or a run is only ever set as text.
(async () => {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", "/");
  }
  const token = sessionStorage.getItem("token");
  const find = (what, where = document) => where.querySelector(what);
  const all = (what, where = document) => [...where.querySelectorAll(what)];

  async function call(path, body) {
    const answer = await fetch(path, body === undefined ? {} : {
      method: "POST", body: JSON.stringify(body),
      headers: {"Content-Type": "application/json", "Authorization": `Bearer ${token}`},
    });
    const value = await answer.json();
    if (!answer.ok) throw new Error([value.message, value.next_step].filter(Boolean).join(". "));
    return value;
  }

  if (!find("[data-shot]") && !find(".strip")) {
    try {
      if (!token) throw new Error("no token");
      location.replace((await call("/session", {})).home);
    } catch {
      find("#said").textContent = "Open the address that `longtake review` printed.";
    }
    return;
  }

  const shots = all("[data-shot]"), links = all(".strip a"), film = find("#film"), dialog = find("#ask");
  let here = -1, state = null, busy = false;
  const number = value => value.toLocaleString("en-US");
  const say = (text, bad) => { find("#said").textContent = text; find("#said").className = bad ? "seen" : ""; };
  const make = (tag, text, fields = {}) => Object.assign(document.createElement(tag), {textContent: text}, fields);
  const clock = seconds => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;

  function show(next) {
    state = next;
    for (const section of shots) {
      const one = state.shots[section.dataset.shot] ?? {state: "gone", to_buy: 0, why: ""};
      const label = find("[data-state]", section);
      label.textContent = one.to_buy ? `${one.why || one.state}: ${number(one.expected)} credits in the next run`
        : one.state === "current" ? "" : `${one.state}: ${one.why}`;
      label.className = one.to_buy ? "buys" : "seen";
      for (const take of all("[data-take]", section)) take.classList.toggle("used", Number(take.dataset.take) === one.used);
      const list = find("[data-notes]", section);
      list.replaceChildren(...state.remarks.filter(note => note.shot === section.dataset.shot).map(note =>
        make("li", `${note.seconds === null ? "" : clock(note.seconds) + " "}${note.text} (${note.by || "unknown"})`)));
    }
    find("#older").hidden = state.current;
    const waits = state.waiting[0];
    find("#waits").hidden = !waits;
    find("#question").textContent = waits ? `${waits.text}\n\nWith the decisions so far the run needs up to ${number(waits.credits)} credits in all.` : "";
    find("#price").textContent = `next run: ${number(state.expected)} credits expected, at most ${number(state.reserve)}${state.fits ? "" : ", over the budget"}`;
    find("#price").className = state.fits ? "" : "seen";
  }

  function go(to) {
    if (!shots.length) return;
    here = Math.max(0, Math.min(shots.length - 1, to));
    shots.forEach((section, at) => section.classList.toggle("here", at === here));
    links.forEach((link, at) => link.classList.toggle("here", at === here));
    shots[here].scrollIntoView({block: "start"});
  }

  async function act(path, body, text) {
    if (busy) return;
    busy = true;
    try {
      show(await call(path, body));
      say(text);
    } catch (error) {
      await call("state").then(show).catch(() => {});  // it may be refused because something changed
      say(error.message, true);
    } finally {
      busy = false;
    }
  }

  // A question over the page; gives what `answer` gives when it was confirmed, else null.
  function ask(parts, answer) {
    find("#asked").replaceChildren(...parts);
    return new Promise(done => {
      const close = value => { dialog.close(); done(value); };
      find("#yes").onclick = () => close(answer());
      find("#no").onclick = () => close(null);
      dialog.oncancel = () => done(null);
      dialog.onkeydown = event => {
        if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); close(answer()); }
      };
      dialog.showModal();
      (find("textarea, input:checked, input", dialog) ?? find("#yes")).focus();
    });
  }

  // Clips are pictures until they are played: hundreds of players would make the page slow.
  function play(clip) {
    let video = find("video", clip);
    if (video && !video.paused) return video.pause();
    if (!video) {
      video = make("video", "", {controls: true, src: clip.dataset.clip});
      clip.replaceChildren(video);
    }
    all("video").forEach(other => { if (other !== video) other.pause(); });
    video.play().catch(() => {});
  }

  const does = {
    play: (shot, take) => play(find(`[data-take="${take}"] .clip`, shots[here])),
    choose(shot, take) {
      if (!find(`[data-take="${take}"]`, shots[here])) return say(`${shot} has no take ${take}`, true);
      return act("choose", {shot, take}, `${shot}: take ${take} is chosen`);
    },
    async retake(shot) {
      let prices;
      try { prices = await call(`price?shot=${encodeURIComponent(shot)}`); } catch (error) { return say(error.message, true); }
      const what = {bridge: "the shots after it stay, the take is pinned to them", cascade: "the shots after it are bought again", keep: "the shots after it stay as they are"};
      const can = prices.filter(one => one.expected !== null);
      if (!can.length) return say(prices[0].why, true);
      const rows = prices.map(one => {
        const row = make("label", "");
        row.append(make("input", "", {type: "radio", name: "downstream", value: one.downstream, disabled: one.expected === null, checked: one === can[0]}),
          one.expected === null ? `${one.downstream}: ${one.why}` : `${one.downstream}, ${number(one.expected)} credits (at most ${number(one.reserve)})${one.fits ? "" : ", over the budget"}: ${what[one.downstream]}`);
        return row;
      });
      const picked = await ask([make("h3", `Retake ${shot}?`), ...rows], () => find("input:checked", dialog).value);
      if (picked) await act("retake", {shot, downstream: picked, most: prices.find(one => one.downstream === picked).expected}, `${shot} gets a new take in the next run`);
    },
    async note(shot) {
      const clip = all("video", shots[here]).find(one => one.currentTime > 0);
      const start = Number(shots[here]?.dataset.start ?? 0);
      const seconds = film && film.currentTime > 0 ? film.currentTime : start + (clip ? clip.currentTime : 0);
      const text = make("textarea", "", {rows: 4, maxLength: 4000});
      const said = await ask([make("h3", `Note on ${shot} at ${clock(seconds)}`), text], () => text.value.trim());
      if (said) await act("note", {text: said, shot, seconds}, "noted");
    },
    async approve() {
      const waits = state?.waiting[0];
      const text = waits ? `Let the waiting run go on, up to ${number(waits.credits)} credits in all?` : "Approve the film as it is? Nothing is bought by this.";
      const yes = await ask([make("h3", text)], () => true);
      if (yes) await act("approve", waits ? {run: waits.run, question: waits.question, credits: waits.credits} : {}, waits ? "approved: the run goes on" : "approved");
    },
  };

  document.addEventListener("click", event => {
    const button = event.target.closest("[data-do]"), section = event.target.closest("[data-shot]");
    if (section) { here = shots.indexOf(section); shots.forEach(one => one.classList.toggle("here", one === section)); }
    if (!button || event.target.closest("video")) return;
    button.blur();  // or the space bar would press it again
    const take = button.closest("[data-take]");
    does[button.dataset.do](section?.dataset.shot, take && Number(take.dataset.take));
  });
  document.addEventListener("keydown", event => {
    if (dialog.open || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea")) return;
    const shot = shots[here]?.dataset.shot;
    const keys = {
      j: () => go(here + 1), k: () => go(here - 1), a: () => does.approve(),
      r: () => shot && does.retake(shot), n: () => shot && does.note(shot),
      " ": () => {
        const clip = here >= 0 && (find(".used .clip", shots[here]) ?? find(".clip", shots[here]));
        if (clip) play(clip);
        else if (film) film.paused ? film.play() : film.pause();
      },
    };
    const does_it = keys[event.key] ?? (/^[1-9]$/.test(event.key) && shot ? () => does.choose(shot, Number(event.key)) : null);
    if (!does_it) return;
    event.preventDefault();
    does_it();
  });

  try { show(await call("state")); } catch (error) { say(error.message, true); }
  document.documentElement.dataset.ready = "yes";
})();
