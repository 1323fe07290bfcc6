// What the page does in the browser: its address follows what it shows, and Classify answers as one types.
// This is one function, which Gradio calls when the page has loaded; what it returns is the address's query.
() => {
  const WORDS = __WORDS__;
  const MAX_LINK_TEXT = __MAX_LINK_TEXT__;
  const TYPING_PAUSE = 350; // milliseconds without a key before an answer is asked for
  const ADDRESS_PAUSE = 300; // browsers refuse an address that changes with every key
  const opened = location.search;
  const shown = { tab: "classify", text: "", models: [] };
  let writing, waiting;
  let how = "typed";

  const say = (words) => {
    document.getElementById("page-said").textContent = words;
  };

  const writeAddress = () => {
    clearTimeout(writing);
    const fits = new URLSearchParams({ text: shown.text }).toString().length <= MAX_LINK_TEXT;
    const query = new URLSearchParams(location.search);
    ["tab", "text", "models"].forEach((name) => query.delete(name));
    query.set("tab", shown.tab);
    if (shown.text && fits) query.set("text", shown.text);
    shown.models.forEach((model) => query.append("models", model));
    history.replaceState(history.state, "", `${location.pathname}?${query}`);
    // In a Space the page is in a frame; the Hub's page takes the query over when it is told.
    if (window.parent !== window && location.hostname.endsWith(".hf.space"))
      window.parent.postMessage({ queryString: `${query}`, hash: "" }, "https://huggingface.co");
    say(fits ? "" : WORDS.tooLong);
    return fits;
  };

  const remember = (tab, text, models = []) => {
    Object.assign(shown, { tab, text, models: [models].flat() });
    clearTimeout(writing);
    writing = setTimeout(writeAddress, ADDRESS_PAUSE);
  };

  const copyLink = async () => {
    const fits = writeAddress();
    try {
      await navigator.clipboard.writeText(location.href);
      say(fits ? WORDS.copied : `${WORDS.copied} ${WORDS.tooLong}`);
    } catch {
      say(WORDS.notCopied);
    }
  };

  // As a person would: Gradio hears of it by the same events.
  const type = (box, text) => {
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const classify = (text, model) => {
    const box = document.querySelector("#classify-text textarea");
    type(box, text);
    const radios = [...document.querySelectorAll("#classify-model input")];
    radios.find((radio) => radio.value === model && !radio.checked)?.click();
    how = "asked";
    box.focus();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.emo === "copy-link") copyLink();
    else if (button?.id === "classify-button") how = "asked";
    else if (button?.matches(".emo-example")) classify(button.textContent.trim());
    else if (button?.matches(".emo-again")) classify(button.dataset.text, button.dataset.model);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter") how = "asked";
  }, true);
  document.addEventListener("input", (event) => {
    if (event.target.closest("#classify-text")) how = "typed";
    else if (event.target.closest("#classify-model")) how = "chosen";
  }, true);

  // What scrolls sideways in a card can be scrolled with the keys, once it can be focused.
  const sizes = new ResizeObserver((changes) => changes.forEach(({ target }) => {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }));
  new MutationObserver(() => {
    document.querySelectorAll(".emo-card pre, .emo-card table").forEach((box) => sizes.observe(box));
  }).observe(document.body, { childList: true, subtree: true });

  window.emohub = {
    // A tab shows this text and these models. What a tab says that was left meanwhile comes too late.
    remember: (tab, text, models) => {
      if (tab === shown.tab) remember(tab, text, models);
    },
    // A tab was opened; where it has no text yet, it takes that of the tab before. It is typed into the box at once:
    // a value handed to Gradio would arrive later, and replace what somebody has typed by then.
    enter: (tab, text, models) => {
      const box = text === undefined ? null : document.querySelector(`#${CSS.escape(tab)}-text textarea`);
      if (box && !box.value && shown.text) type(box, shown.text);
      how = "typed";
      remember(tab, box ? box.value : shown.text, models);
    },
    // What Classify asks the server: at once, or after a pause in typing. A promise that a later key has overtaken
    // is never kept, so nothing is asked for it.
    ask: (text, model, _, kept) => {
      clearTimeout(waiting);
      const question = [text, model, how, kept];
      return how === "typed"
        ? new Promise((resolve) => { waiting = setTimeout(() => resolve(question), TYPING_PAUSE); })
        : question;
    },
    // The page was set up from its address: press the button, once the text is in its place.
    answer: async () => {
      const query = new URLSearchParams(opened);
      const [tab, text] = [query.get("tab") ?? "classify", query.get("text")];
      for (let tries = 0; text && tries < 60; tries += 1) {
        const box = document.querySelector(`#${CSS.escape(tab)}-text textarea`);
        if (box?.value === text) return void document.getElementById(`${tab}-button`)?.click();
        await new Promise((resolve) => { setTimeout(resolve, 50); });
      }
    },
  };
  return opened;
}
